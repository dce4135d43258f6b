"""Named places at which a test may kill this process; free of effect otherwise.

CRASH_AT=n         SIGKILL the own process at the n-th point it comes to (counted from 1)
CRASH_FROM=name    count from the first point of this name on
CRASH_SIGNAL=name  send this signal instead: SIGSTOP, SIGTERM
CRASH_RECORD=path  append the name of each point to this file, so that a test knows how many there are
"""

from __future__ import annotations

import itertools
import os
import signal

_count = itertools.count(1)
_is_counting = False


def crashpoint(name: str) -> None:
    """Come to the point `name`. The environment is read each time, so that a test may set it late."""
    global _is_counting
    if record := os.environ.get("CRASH_RECORD"):
        with open(record, "a", encoding="utf-8") as file:
            file.write(f"{name}\n")
    if crash_at := os.environ.get("CRASH_AT"):
        _is_counting = _is_counting or os.environ.get("CRASH_FROM", name) == name
        if _is_counting and next(_count) == int(crash_at):
            os.kill(os.getpid(), signal.Signals[os.environ.get("CRASH_SIGNAL", "SIGKILL")])
