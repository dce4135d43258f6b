"""Whether a part answers 200 to GET /health, over TCP or a unix socket."""

from __future__ import annotations

import socket

#: Longest wait for one answer, seconds.
PATIENCE_SECONDS = 2.0


def answers(address: str | tuple[str, int], *, host: str = "localhost", token: str = "") -> bool:
    """`address` is a unix socket's path, or host and port. `host` is the name the part believes to have."""
    lines = [
        "GET /health HTTP/1.1",
        f"Host: {host}",
        "Connection: close",
        "X-Forwarded-Proto: https",  # believed only where plain HTTP would be redirected
        *([f"Authorization: Bearer {token}"] if token else []),
    ]
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    try:
        with socket.socket(family) as connection:
            connection.settimeout(PATIENCE_SECONDS)
            connection.connect(address)
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            status_line = connection.makefile("rb").readline().split()
    except OSError:
        return False
    return status_line[1:2] == [b"200"]
