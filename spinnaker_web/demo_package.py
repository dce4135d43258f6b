"""A tiny web application as a package, for the seed of a first run: `build("1.0.0")` gives the bytes to upload."""

from __future__ import annotations

import gzip
import io
import tarfile

RUN = '''#!/usr/bin/env python3
"""Says which version and which instance answers. On SIGTERM it finishes what it is answering, then ends."""

import html
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = os.environ.get("VERSION") or "@VERSION@"
INSTANCE = os.environ.get("INSTANCE_ID", "")
GROUP = os.environ.get("SERVER_GROUP", "")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Hello {version}</title></head>
<body><h1>Hello from version {version}</h1><p>Server group {group}, instance {instance}.</p></body></html>
"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    wbufsize = -1  # an answer in one piece: a health check hangs up after the first

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/":
            facts = {"version": VERSION, "group": GROUP, "instance": INSTANCE}
            page = PAGE.format(**{name: html.escape(value) for name, value in facts.items()})
            self.answer(200, page, "text/html; charset=utf-8")
        elif path == "/health":
            self.answer(200, "OK\\n")
        elif path == "/version":
            self.answer(200, VERSION + "\\n")
        else:
            self.answer(404, "Not found\\n")

    do_HEAD = do_GET

    def answer(self, status, text, content_type="text/plain; charset=utf-8"):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Instance", INSTANCE)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_request(self, code="-", size="-"):
        if self.path != "/health":  # the load balancer asks each second
            super().log_request(code, size)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address):
        super().__init__(address, Handler)
        self.answering = 0
        self.idle = threading.Condition()

    def process_request_thread(self, request, client_address):
        with self.idle:
            self.answering += 1
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.idle:
                self.answering -= 1
                self.idle.notify_all()


server = Server(("127.0.0.1", int(os.environ["PORT"])))
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print(f"Version {VERSION} listens on port {server.server_port}.", flush=True)
server.serve_forever(poll_interval=0.1)
with server.idle:
    server.idle.wait_for(lambda: server.answering == 0, timeout=3)
'''


def build(version: str) -> bytes:
    """The same version gives the same bytes: a tar.gz that holds only `run`."""
    content = RUN.replace("@VERSION@", version).encode()
    run = tarfile.TarInfo("run")
    run.size, run.mode = len(content), 0o755
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(run, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)
