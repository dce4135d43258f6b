"""Kills the instances of a server group one by one with SIGKILL, as a fault, and knows which requests that may cost."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from spinnaker_web.demo.traffic import Failure

#: How long after a kill a request that was in flight may still be told that it failed, seconds.
ECHO = 1.0


class Killer:
    def __init__(self, marker: str) -> None:
        self._marker = marker
        self.killed_at: list[float] = []

    def kill(self, instance_id: str) -> bool:
        """False when this host runs no such process of ours."""
        for process in Path("/proc").glob("[0-9]*"):
            if self._is_instance(process, instance_id):
                self.killed_at.append(time.monotonic())
                os.kill(int(process.name), signal.SIGKILL)
                return True
        return False

    def excuses(self, failure: Failure) -> bool:
        """True for a request in flight while a process was killed."""
        return any(failure.began_at <= at <= failure.ended_at <= at + ECHO for at in self.killed_at)

    def _is_instance(self, process: Path, instance_id: str) -> bool:
        try:
            environment = (process / "environ").read_bytes().split(b"\0")
        except OSError:  # gone, or somebody else's
            return False
        return {f"INSTANCE_ID={instance_id}".encode(), f"SPINNAKER_MARKER={self._marker}".encode()} <= set(environment)
