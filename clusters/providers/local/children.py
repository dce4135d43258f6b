"""Child processes that do not outlive their parent: start, stop, and start again what crashed.

A child leads its own session, so that a signal to `child.pid`'s group reaches everything it started, and Ctrl-C in a
terminal reaches only the parent. On Linux the kernel sends the child `death_signal` when the *thread* that started it
ends: start children from a thread that lives as long as they should (the main thread, usually). Elsewhere a parent that
is killed outright leaves them behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

#: Environment variable that every child carries, so that leftovers of one run can be found.
MARKER = "SPINNAKER_MARKER"

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
#: A child that ran this long starts its backoff from the beginning.
HEALTHY_SECONDS = 60.0

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run. `env` is the child's whole environment (the marker is added); nothing else is inherited."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path | None = None
    #: stdout and stderr are appended to this file; without one they go where the parent's go.
    log: Path | None = None
    #: A descriptor that gets stdout instead: for a caller who reads the answer.
    stdout: int | None = None
    #: Sent by `Child.stop` first. PostgreSQL wants SIGINT to stop without waiting for its clients.
    stop_signal: signal.Signals = signal.SIGTERM
    #: Sent by the kernel when the parent is gone; None lets the child live on.
    death_signal: signal.Signals | None = signal.SIGKILL
    #: Descriptors the child inherits, a lock for instance.
    pass_fds: Sequence[int] = ()


class Child:
    """A started command. Raises OSError when the program cannot be started."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.started_at = time.monotonic()
        self._process = _spawn(command)

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """Exit code, negative for a signal's number, or None while it runs. Its group ends with it."""
        if self._process.returncode is None and self._process.poll() is not None:
            self.signal(signal.SIGKILL)
        return self._process.returncode

    def signal(self, number: signal.Signals) -> None:
        """To the whole group; nothing happens when it is gone."""
        with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
            os.killpg(self.pid, number)

    def ask(self) -> None:
        """Ask it to stop, without waiting."""
        if self.poll() is None:
            self.signal(self.command.stop_signal)

    def wait(self, grace_seconds: float) -> int:
        """Wait for its end, then kill what is left of its group. Returns the exit code."""
        if self.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(max(grace_seconds, 0))
            self.signal(signal.SIGKILL)
        return self._process.wait()

    def stop(self, grace_seconds: float = 5.0) -> int:
        """Ask, wait, kill. Returns the exit code."""
        self.ask()
        return self.wait(grace_seconds)


class Supervisor:
    """Keeps commands running. Everything happens in the thread that calls it; `report` gets one sentence per event."""

    def __init__(self, report: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._report = report
        self._clock = clock
        self._watched: list[_Watched] = []

    def start(self, command: Command) -> Child:
        """Start now and keep running. Raises OSError when the program cannot be started."""
        child = Child(command)
        self._watched.append(_Watched(command, child, started_at=self._clock()))
        return child

    def check(self) -> None:
        """Notice who ended and start again whose time has come. Call it a few times a second."""
        for watched in self._watched:
            if watched.child is None:
                self._revive(watched)
            elif (code := watched.child.poll()) is not None:
                delay = watched.ended(self._clock())
                self._report(f"{watched.command.name} {describe_exit(code)}; starting it again in {delay:g} s.")

    def run(self, until: Event, every_seconds: float = 0.1) -> None:
        """Check until the event is set."""
        while not until.wait(every_seconds):
            self.check()

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Ask all at once, then wait for them together."""
        children = [watched.child for watched in self._watched if watched.child is not None]
        self._watched.clear()
        for child in children:
            child.ask()
        deadline = time.monotonic() + grace_seconds
        for child in children:
            child.wait(deadline - time.monotonic())

    def _revive(self, watched: _Watched) -> None:
        if self._clock() < watched.due_at:
            return
        try:
            watched.child = Child(watched.command)
        except OSError as error:
            delay = watched.ended(self._clock())
            self._report(f"{watched.command.name} cannot be started ({error}); trying again in {delay:g} s.")
            return
        watched.started_at = self._clock()
        self._report(f"{watched.command.name} is running again as process {watched.child.pid}.")


@dataclass
class _Watched:
    command: Command
    child: Child | None
    started_at: float
    due_at: float = 0.0
    backoff_seconds: float = FIRST_BACKOFF_SECONDS

    def ended(self, now: float) -> float:
        """Plan the next start and return how far away it is, in seconds."""
        if self.child is not None and now - self.started_at >= HEALTHY_SECONDS:
            self.backoff_seconds = FIRST_BACKOFF_SECONDS
        delay = self.backoff_seconds
        self.child, self.due_at = None, now + delay
        self.backoff_seconds = min(delay * 2, LONGEST_BACKOFF_SECONDS)
        return delay


def describe_exit(code: int) -> str:
    """An exit code as the end of a sentence: "was killed by SIGKILL", "ended with exit code 3"."""
    if code >= 0:
        return f"ended with exit code {code}"
    with suppress(ValueError):
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"


def _spawn(command: Command) -> subprocess.Popen[bytes]:
    parent = os.getpid()
    log = command.log.open("ab") if command.log else None
    try:
        return subprocess.Popen(
            list(command.argv),
            env={MARKER: os.environ.get(MARKER, str(parent)), **command.env},
            cwd=command.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log if command.stdout is None else command.stdout,
            stderr=log,
            start_new_session=True,
            pass_fds=tuple(command.pass_fds),
            preexec_fn=lambda: _tie_to(parent, command.death_signal),
        )
    finally:
        if log:
            log.close()


def _tie_to(parent: int, death_signal: signal.Signals | None) -> None:
    """Runs in the child between fork and exec."""
    if _LIBC is None or death_signal is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:  # it died before the tie was made
        os.kill(os.getpid(), signal.SIGKILL)
