"""Named places at which a test may kill this process; free of effect otherwise.

CRASH_AT=n         SIGKILL the own process at the n-th point it comes to (counted from 1)
CRASH_SIGNAL=name  send this signal instead: SIGSTOP, SIGTERM
CRASH_RECORD=path  append the name of each point to this file, so that a test knows how many there are
"""

from __future__ import annotations

import itertools
import os
import signal

_count = itertools.count(1)


def crashpoint(name: str) -> None:
    """Come to the point `name`. The environment is read each time, so that a test may set it late."""
    if record := os.environ.get("CRASH_RECORD"):
        with open(record, "a", encoding="utf-8") as file:
            file.write(f"{name}\n")
    crash_at = os.environ.get("CRASH_AT")
    if crash_at and next(_count) == int(crash_at):
        os.kill(os.getpid(), signal.Signals[os.environ.get("CRASH_SIGNAL", "SIGKILL")])
