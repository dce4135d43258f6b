"""Worker processes that a test may kill, stop and continue. A fork saves each the second that importing Django takes."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from django.db import connections

from pipelines.engine import timer
from pipelines.engine.drive import STOPPING
from tests.processes import eventually

#: No worker outlives this, whatever becomes of the test.
LONGEST_SECONDS = 90


class Worker:
    """A forked process that does `work`, with these variables set and its output in `log`."""

    def __init__(self, work: Callable[[], None], log: Path, **environ: str) -> None:
        connections.close_all()  # a connection must not have two owners
        self._status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            _live(work, log, environ)

    @property
    def is_running(self) -> bool:
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = status if pid else None
        return self._status is None

    @property
    def was_killed(self) -> bool:
        return not self.is_running and os.WIFSIGNALED(self._status or 0)

    def signal(self, number: signal.Signals) -> None:
        if self.is_running:
            os.kill(self.pid, number)

    def is_gone_within(self, seconds: float) -> bool:
        return eventually(lambda: not self.is_running, seconds)

    def end(self) -> None:
        """Whatever state it is in."""
        self.signal(signal.SIGKILL)
        self.is_gone_within(5)


def drive() -> None:
    """What `manage.py drive` does, without listening for hints."""
    signal.signal(signal.SIGTERM, lambda *_: (STOPPING.set(), timer.nudge()))
    timer.run()


def _live(work: Callable[[], None], log: Path, environ: dict[str, str]) -> None:
    """The child, which never returns to the test it is a copy of."""
    try:
        signal.alarm(LONGEST_SECONDS)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        sys.stdout = sys.stderr = os.fdopen(output, "w", buffering=1)
        os.environ.update(environ)
        connections.settings["default"]["ENGINE"] = "tests.faults.backend"
        del connections["default"]
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
