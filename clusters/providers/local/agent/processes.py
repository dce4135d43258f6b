"""The agent's side of the keeper: start, list and signal named processes. Without a keeper: Unavailable."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusters.providers.base import Unavailable

START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Running:
    """What the keeper (itself process `keeper`) holds: ids by name of what runs, and how the others ended."""

    pids: dict[str, int]
    ended: dict[str, str]
    keeper: int

    def knows(self, name: str) -> bool:
        return name in self.pids or name in self.ended


class Processes:
    def __init__(self, socket_path: Path, log: Path) -> None:
        self._path = socket_path
        self._log = log
        self._lock = threading.Lock()
        self._stream: Any = None
        self._keeper: subprocess.Popen[bytes] | None = None

    def connect(self) -> bool:
        """Find the running keeper or start one. Returns whether it was there: then its processes are, too."""
        with self._lock:
            if self._stream is not None or self._open():
                return True
            self._start_keeper()
            deadline = time.monotonic() + START_SECONDS
            while not self._open():
                if time.monotonic() > deadline:
                    raise Unavailable("the keeper of processes does not start")
                time.sleep(0.02)
            return False

    def disconnect(self) -> None:
        """Leave the keeper and what it holds alone."""
        with self._lock:
            self._stream.close()
            self._stream = None

    def list(self) -> Running:
        answer = self._ask(do="list")
        return Running(answer["running"], answer["ended"], answer["keeper"])

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path) -> int | None:
        """The process id, or None when it cannot be started (`list` says why). Starting a running one is harmless."""
        answer = self._ask(do="start", name=name, argv=list(argv), env=dict(env), cwd=str(cwd), log=str(log))
        pid: int | None = answer.get("pid")
        return pid

    def signal(self, name: str, number: signal.Signals) -> None:
        self._ask(do="signal", name=name, signal=int(number))

    def fail(self, name: str, why: str) -> None:
        """Note that `name` could not even be started, for `list` to tell."""
        self._ask(do="fail", name=name, why=why)

    def forget(self, name: str) -> None:
        self._ask(do="forget", name=name)

    def end(self, grace_seconds: float) -> None:
        """The keeper asks all to stop, kills who is left after the grace period, and ends. Waits for that."""
        self._ask(do="end", grace_seconds=grace_seconds)
        with self._lock, suppress(OSError):
            self._stream.read()  # ends with the keeper

    def _ask(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            if self._stream is None:
                raise Unavailable("there is no keeper of processes")
            try:
                self._stream.write(json.dumps(request).encode() + b"\n")
                self._stream.flush()
                line = self._stream.readline()
            except OSError as error:
                line = b""
                reason = str(error)
            else:
                reason = "it ended"
            if not line:
                self._stream = None
                raise Unavailable(f"the keeper of processes does not answer: {reason}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _open(self) -> bool:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(10)
        try:
            connection.connect(str(self._path))
        except OSError:
            connection.close()
            return False
        self._stream = connection.makefile("rwb")
        return True

    def _start_keeper(self) -> None:
        """In its own session: signals and death of the agent do not reach it."""
        with self._log.open("ab") as log:
            self._keeper = subprocess.Popen(
                [sys.executable, "-m", "clusters.providers.local.agent.keeper", "--socket", str(self._path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
