"""A real HTTP server on this host that misbehaves as its path says, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Handler = type[BaseHTTPRequestHandler]


@dataclass
class Asked:
    method: str
    path: str
    headers: Message
    body: bytes


@dataclass
class Server:
    port: int
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def serving(handler: Handler, port: int = 0) -> Iterator[ThreadingHTTPServer]:
    """Until the end of the block; requests are answered in threads."""
    ThreadingHTTPServer.allow_reuse_address = True
    ThreadingHTTPServer.daemon_threads = True
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Misbehaving(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(Asked(self.command, self.path, self.headers, body))
        kind, _, rest = self.path.strip("/").partition("/")
        getattr(self, f"be_{kind}")(rest)

    do_GET = do_POST = do_PUT = answer

    def be_fine(self, rest: str) -> None:
        self.give(200, b"fine")

    def give(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def be_huge(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            for _ in range(100_000):
                self.wfile.write(b"x" * 65536)

    def be_silent(self, rest: str) -> None:
        time.sleep(8)

    def be_dripping(self, rest: str) -> None:
        """A header a second, for ever."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        with contextlib.suppress(OSError):
            for number in range(30):
                self.wfile.write(f"X-{number}: y\r\n".encode())
                time.sleep(0.5)

    def be_cut(self, rest: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        self.close_connection = True

    def be_nonsense(self, rest: str) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        self.close_connection = True

    def be_zipped(self, rest: str) -> None:
        self.give(200, b"\x1f\x8b\x08", Content_Encoding="gzip")

    def be_elsewhere(self, rest: str) -> None:
        """/elsewhere/<status>/<where to>."""
        status, _, target = rest.partition("/")
        self.give(int(status), b"", Location=target)


@contextlib.contextmanager
def misbehaving() -> Iterator[Server]:
    with serving(Misbehaving) as server:
        server.asked = []
        yield Server(server.server_address[1], server.asked)
