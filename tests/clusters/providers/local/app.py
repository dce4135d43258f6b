"""A package for tests: an application that does as it is told by requests and by its environment."""

from __future__ import annotations

import gzip
import io
import tarfile

RUN = """#!/usr/bin/env python3
import json, os, signal, subprocess, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

if os.environ.get("CRASH"):
    print("crashed on purpose", flush=True)
    sys.exit(3)
started = time.monotonic()
busy = threading.Condition()
busy.count = 0
state = {"health": 200, "answer": 200}


def attempt(action):
    try:
        return action()
    except OSError as error:
        return type(error).__name__


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        with busy:
            busy.count += 1
        try:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            status, body = getattr(self, "on_" + url.path.strip("/"), self.on_)(query)
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("X-Instance", os.environ["INSTANCE_ID"])
            self.send_header("X-Version", os.environ["VERSION"])
            self.end_headers()
            self.wfile.write(text)
        finally:
            with busy:
                busy.count -= 1
                busy.notify_all()

    do_POST = do_GET

    def on_(self, query):
        return state["answer"], "hello"

    def on_health(self, query):
        is_ready = time.monotonic() - started >= float(os.environ.get("READY_AFTER", 0))
        return (state["health"] if is_ready else 503), "health"

    def on_sicken(self, query):
        state["health"] = 503
        return 200, "sick"

    def on_heal(self, query):
        state["health"] = 200
        return 200, "well"

    def on_zone(self, query):
        return 200, os.environ["ZONE"]

    def on_break(self, query):
        state.update(health=503, answer=500)
        return 200, "broken"

    def on_slow(self, query):
        time.sleep(float(query["seconds"]))
        return 200, "slow"

    def on_facts(self, query):
        return 200, {
            "environment": dict(os.environ), "uid": os.getuid(), "groups": os.getgroups(), "cwd": os.getcwd(),
            "read": {path: attempt(lambda: bool(open(path, "rb").read(1) or 1)) for path in query["read"].split(",")},
            "list": {path: attempt(lambda: os.listdir(path)) for path in query["list"].split(",")},
            "write_here": attempt(lambda: open("new", "w").close()),
            "write_home": attempt(lambda: open(os.environ["HOME"] + "/new", "w").close()),
        }

    def on_daemon(self, query):
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        return 200, child.pid

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
with busy:
    busy.wait_for(lambda: busy.count == 0, timeout=3)
"""


def build(said: str = "hello", health: int = 200) -> bytes:
    """`said` is what it answers to /, `health` its status for /health."""
    return packed(RUN.replace('"hello"', f'"{said}"').replace('"health": 200', f'"health": {health}'))


def packed(program: str) -> bytes:
    """A package whose `run` is the text."""
    content = program.encode()
    run = tarfile.TarInfo("run")
    run.size, run.mode = len(content), 0o755
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        tar.addfile(run, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)
