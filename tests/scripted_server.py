"""A real HTTP server on this host that answers as a test has written down, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.misbehaving import Asked, serving


@dataclass
class Script:
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    replies: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def on(self, call: str, *replies: Any) -> None:
        """`call`: "POST /x". A reply: a status, a body, (status, body, {header: value}), or "drop". The last one stays."""
        self.replies[call] = list(replies)

    def next(self, call: str) -> Any:
        left = self.replies.get(call, [404])
        return left.pop(0) if len(left) > 1 else left[0]

    def calls(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, *args: object) -> None:
        pass

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        script: Script = self.server.script
        script.asked.append(Asked(self.command, self.path, self.headers, body))
        reply = script.next(f"{self.command} {self.path}")
        if reply == "drop":
            self.close_connection = True
            return
        if reply == "slow":
            time.sleep(7)
        status, content, headers = _parts(reply)
        with contextlib.suppress(OSError):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer


def _parts(reply: Any) -> tuple[int, bytes, dict[str, str]]:
    status, body, headers = reply if isinstance(reply, tuple) else (reply if type(reply) is int else 200, reply, {})
    if type(reply) is int:
        body = b""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return status, content, headers


@contextlib.contextmanager
def scripted() -> Iterator[Script]:
    script = Script()
    with serving(_Handler) as server:
        server.script = script
        script.port = server.server_address[1]
        yield script
