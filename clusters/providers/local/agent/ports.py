"""Free ports, from ranges below those that the kernel gives to outgoing connections."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

from clusters.providers.base import Unavailable

INSTANCE_PORTS = range(20000, 30000)
LISTENER_PORTS = range(15000, 20000)


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers do: what an ended server left in TIME_WAIT is no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def choose(ports: range, taken: Collection[int], address: str = "127.0.0.1") -> int:
    """Raises Unavailable when every port is taken."""
    start = random.randrange(len(ports))  # noqa: S311 - only spreads several agents on one host
    for offset in range(len(ports)):
        port = ports[(start + offset) % len(ports)]
        if port not in taken and is_free(port, address):
            return port
    raise Unavailable("no port is free")


def accepts(port: int) -> bool:
    """Whether somebody listens on 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
