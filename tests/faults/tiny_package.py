"""The smallest web application: one that starts in a few milliseconds and answers 200 to everything."""

from __future__ import annotations

import io
import tarfile

RUN = """#!/usr/bin/env -S python3 -S -E
import os
import signal
import socket

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(os.environ["PORT"])))
listener.listen(64)
while True:
    caller, _ = listener.accept()
    caller.recv(4096)
    caller.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\nConnection: close\\r\\n\\r\\n@V@")
    caller.close()
"""


def build(version: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        run = RUN.replace("@V@", version[:3]).encode()
        member = tarfile.TarInfo("run")
        member.size, member.mode = len(run), 0o755
        archive.addfile(member, io.BytesIO(run))
    return buffer.getvalue()
