"""One owner per folder: an flock that lives as long as any process that inherited its descriptor.

Passed on to a server, it outlives a launcher that was killed, so a second launcher waits for the dying server instead
of starting another one on the same files.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path


class Held(Exception):
    """Somebody else holds the lock."""


def hold(path: Path, wait_seconds: float = 0.0) -> int:
    """Lock the file and return its descriptor; closing it, or exiting, lets go. Raises Held after `wait_seconds`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise Held(str(path)) from None
            time.sleep(0.05)
