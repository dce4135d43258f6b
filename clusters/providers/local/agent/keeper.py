"""The keeper: parent of every instance and of HAProxy, so that a crash of the agent drops no traffic.

It is small on purpose and knows nothing of clouds: it starts, lists, signals and forgets named processes for whoever
speaks JSON lines on its socket. It adopts what its children leave behind (subreaper) and kills it once the child that
left it is gone. It ends, with all it holds, when the launcher (SPINNAKER_LAUNCHER_PID) is gone, or, without one, when
no agent has been connected for AGENT_AWAY_SECONDS. Should it be killed itself, the kernel kills its children.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from clusters.providers.local.children import Child, Command, describe_exit

AGENT_AWAY_SECONDS = 10.0
TICK_SECONDS = 0.2
#: Between looks through all processes of this host, which cost some milliseconds.
ORPHAN_SECONDS = 1.0
#: By this variable a process that daemonised is known to belong to a child that still runs.
OWNER = "INSTANCE_ID"
_PR_SET_CHILD_SUBREAPER = 36


class Keeper:
    def __init__(self, socket_path: Path, launcher: Launcher | None) -> None:
        self._launcher = launcher
        self._children: dict[str, Child] = {}
        self._exits: dict[str, str] = {}
        self._agent_seen_at = time.monotonic()
        self._ends_at: float | None = None
        self._orphans_looked_at = 0.0
        self._selector = selectors.DefaultSelector()
        self._listener = _listen(socket_path)
        self._selector.register(self._listener, selectors.EVENT_READ)

    def run(self) -> None:
        while not self._is_over():
            for key, _ in self._selector.select(TICK_SECONDS):
                if key.fileobj is self._listener:
                    self._welcome()
                else:
                    self._serve(key.data)
            self._reap()
        self._kill_everything()

    def _is_over(self) -> bool:
        now = time.monotonic()
        if len(self._selector.get_map()) > 1:
            self._agent_seen_at = now
        if self._ends_at is not None:
            return now >= self._ends_at or not self._children
        if self._launcher:
            return not self._launcher.is_running()
        return now - self._agent_seen_at > AGENT_AWAY_SECONDS

    def _welcome(self) -> None:
        connection, _ = self._listener.accept()
        # Requests are short lines from our own agent: a blocking read with a limit is enough.
        connection.settimeout(2)
        self._selector.register(connection, selectors.EVENT_READ, connection.makefile("rwb"))

    def _serve(self, stream: Any) -> None:
        try:
            line = stream.readline()
            if line.endswith(b"\n"):  # else the agent went away in the middle of a word
                stream.write(json.dumps(self._try(line)).encode() + b"\n")
                stream.flush()
                return
        except OSError:
            pass  # it went away before the answer: same as a closed connection
        self._part_with(stream)

    def _part_with(self, stream: Any) -> None:
        key = next(key for key in self._selector.get_map().values() if key.data is stream)
        self._selector.unregister(key.fileobj)
        with suppress(OSError):  # closing sends what is left of an answer
            stream.close()
        cast(socket.socket, key.fileobj).close()

    def _try(self, line: bytes) -> dict[str, Any]:
        try:
            return self._answer(json.loads(line))
        except (KeyError, TypeError, ValueError) as error:  # nothing that is said may end the keeper
            return {"error": repr(error)}

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request.get("name", "")
        match request["do"]:
            case "start":
                return self._start(request)
            case "list":
                self._reap()
                return {
                    "running": {name: child.pid for name, child in self._children.items()},
                    "ended": self._exits,
                    "keeper": os.getpid(),
                }
            case "signal":
                if child := self._children.get(name):
                    child.signal(signal.Signals(request["signal"]))
            case "fail":
                self._exits[name] = request["why"]
            case "forget":
                self._exits.pop(name, None)
            case "end":
                for child in self._children.values():
                    child.ask()
                self._ends_at = time.monotonic() + request["grace_seconds"]
        return {}

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["name"]
        if name in self._children:
            return {"pid": self._children[name].pid}
        self._exits.pop(name, None)
        command = Command(
            name=name,
            argv=request["argv"],
            env=request["env"],
            cwd=Path(request["cwd"]),
            log=Path(request["log"]),
        )
        try:
            self._children[name] = Child(command)
        except OSError as error:
            self._exits[name] = f"cannot be started ({error})"
            return {"error": str(error)}
        return {"pid": self._children[name].pid}

    def _reap(self) -> None:
        for name, child in list(self._children.items()):
            if (code := child.poll()) is not None:
                del self._children[name]
                self._exits[name] = describe_exit(code)
                self._orphans_looked_at = 0.0
        now = time.monotonic()
        if now - self._orphans_looked_at > ORPHAN_SECONDS:
            self._orphans_looked_at = now
            self._end_orphans()

    def _end_orphans(self) -> None:
        """Those of children that still run are theirs; the others were left behind."""
        known = {child.pid for child in self._children.values()}
        for pid in _children_of(os.getpid()) - known:
            if not _is_owned(pid, set(self._children)):
                _kill(pid)
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)

    def _kill_everything(self) -> None:
        """Each death may hand us new orphans: go on until nobody is left."""
        for child in self._children.values():
            child.signal(signal.SIGKILL)
        while pids := _children_of(os.getpid()):
            for pid in pids:
                _kill(pid)
            with suppress(ChildProcessError):
                os.waitpid(-1, 0)


class Launcher:
    """A process told apart from a later one with the same id by the time of its start."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._started = _stat(pid)[19:20]

    def is_running(self) -> bool:
        if sys.platform != "linux":
            with suppress(ProcessLookupError):
                os.kill(self._pid, 0)
                return True
            return False
        stat = _stat(self._pid)
        return bool(stat) and stat[0] not in ("Z", "X") and stat[19:20] == self._started


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the state on (index 0; 1 is the parent, 19 the start). Empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []


def _children_of(parent: int) -> set[int]:
    if sys.platform != "linux":
        return set()
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return {pid for pid in pids if _stat(pid)[1:2] == [str(parent)]}


def _is_owned(pid: int, names: set[str]) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except PermissionError:
        return bool(names)  # cannot tell: leave it while anything runs
    except OSError:
        return False
    return any(f"{OWNER}={name}".encode() in environment for name in names)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    os.umask(0o077)
    listener.bind(str(path))
    listener.listen()
    return listener


def main() -> None:
    parser = argparse.ArgumentParser(prog="keeper")
    parser.add_argument("--socket", type=Path, required=True)
    options = parser.parse_args()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Only the end of the launcher or a word of the agent ends it. A handler that does nothing, since children would
    # inherit that a signal is ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    launcher = os.environ.get("SPINNAKER_LAUNCHER_PID")
    keeper = Keeper(options.socket, Launcher(int(launcher)) if launcher else None)
    keeper.run()
    options.socket.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
