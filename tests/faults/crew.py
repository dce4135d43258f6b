"""Worker processes that a test may kill, stop and continue. A fork saves each the second that importing Django takes."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from django.db import connections

from pipelines.engine import drive as engine
from pipelines.engine import lease, timer
from pipelines.engine.drive import STOPPING
from pipelines.engine.lease import Lease
from tests.faults.backend import base
from tests.processes import eventually

#: No worker outlives this, whatever becomes of the test.
LONGEST_SECONDS = 120


def drive() -> None:
    """What `manage.py drive` does, but listening for hints."""
    signal.signal(signal.SIGTERM, lambda *_: (STOPPING.set(), timer.nudge()))
    timer.run()


def drive_until_holding() -> None:
    """The same, up to the first crash point at which it holds a lease and has loaded what it holds."""

    def claim(execution_id: uuid.UUID) -> Lease | None:
        held = lease.claim(execution_id)
        if held:
            os.environ["CRASH_AT"] = "1"
        return held

    engine.claim = claim
    drive()


class Worker:
    """A forked process that does `work`, with these variables set and its output in `log`."""

    def __init__(self, work: Callable[[], object], log: Path, **environ: str) -> None:
        connections.close_all()  # a connection must not have two owners
        self._status: int | None = None
        self.is_stopped = False
        self.pid = os.fork()
        if self.pid == 0:
            _live(work, log, environ)

    @property
    def is_running(self) -> bool:
        self._look()
        return self._status is None and not self.is_stopped

    @property
    def exit_code(self) -> int | None:
        """Negative for a signal's number; None while it lives."""
        self._look()
        return None if self._status is None else os.waitstatus_to_exitcode(self._status)

    def signal(self, number: signal.Signals) -> None:
        self._look()
        if self._status is None:
            os.kill(self.pid, number)
            self.is_stopped = self.is_stopped and number is not signal.SIGCONT

    def wait(self, seconds: float = 10) -> int:
        """Its exit code."""
        assert eventually(lambda: self.exit_code is not None, seconds), f"process {self.pid} still lives"
        return self.exit_code or 0

    def _look(self) -> None:
        if self._status is not None:
            return
        pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
        if pid and os.WIFSTOPPED(status):
            self.is_stopped = True
        elif pid:
            self._status = status


class Crew:
    """Workers that are gone at the end, whatever state they are in."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._workers: list[Worker] = []

    def add(self, work: Callable[[], object] = drive, **environ: str) -> Worker:
        worker = Worker(work, self._log, **environ)
        self._workers.append(worker)
        return worker

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for worker in self._workers:
            worker.signal(signal.SIGKILL)
        for worker in self._workers:
            worker.wait()


def _live(work: Callable[[], object], log: Path, environ: dict[str, str]) -> None:
    """The child, which never returns to the test it is a copy of."""
    try:
        signal.alarm(LONGEST_SECONDS)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        sys.stdout = sys.stderr = os.fdopen(output, "w", buffering=1)
        os.environ.update(environ)
        connections.settings["default"]["ENGINE"] = base.__package__
        del connections["default"]
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
