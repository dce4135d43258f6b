"""Looking at processes from outside, for tests about who is left behind."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def carrying(marker: str) -> list[int]:
    """Ids of running processes whose environment holds this marker. Linux only."""
    return [pid for pid in _running() if f"SPINNAKER_MARKER={marker}".encode() in _read(pid, "environ").split(b"\0")]


def living_in(folder: Path) -> list[int]:
    """Ids of running processes at work inside `folder`: PostgreSQL's children overwrite their environment."""
    return [pid for pid in _running() if _cwd(pid).is_relative_to(folder)]


def is_running(pid: int) -> bool:
    """A zombie does not run."""
    return _read(pid, "stat").rpartition(b") ")[2][:1] not in (b"", b"Z", b"X")


def eventually(condition: Callable[[], bool], within_seconds: float = 5.0) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _running() -> list[int]:
    return [
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and is_running(int(entry.name))
    ]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it ended meanwhile, or belongs to somebody else
        return b""


def _cwd(pid: int) -> Path:
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd"))
    except OSError:
        return Path("/proc")
