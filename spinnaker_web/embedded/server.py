"""What the embedded servers have in common: one owner per folder, a free port, waiting until they answer."""

from __future__ import annotations

import socket
import time
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path

from clusters.providers.local.children import Child, Command
from spinnaker_web.embedded import StartError, lock

#: How long a server whose launcher was killed may take to go away.
PREDECESSOR_SECONDS = 8.0


class Server(ABC):
    """A server on a folder: `initialise()`, start `command()` as a child, `wait_until_ready()`, then hand `url` out.

    `is_throwaway` trades crash safety for speed: for tests.
    """

    name: str

    def __init__(self, folder: Path, *, is_throwaway: bool = False) -> None:
        self.folder = folder.resolve()
        self.port = free_port()
        self.is_throwaway = is_throwaway
        self.lock = -1

    @property
    @abstractmethod
    def url(self) -> str:
        """With the password in it: for environments, never for a command line."""

    @abstractmethod
    def initialise(self) -> None:
        """Take the folder and make in it what the server needs. Raises StartError."""

    @abstractmethod
    def command(self, log: Path | None = None) -> Command:
        """The server as a child that inherits our lock on the folder."""

    @abstractmethod
    def _is_ready(self, server: Child) -> bool: ...

    def take_folder(self) -> None:
        """Make the folder and lock it. Raises StartError when a server runs on it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self.lock = lock.hold(self.folder / "lock", PREDECESSOR_SECONDS)
        except lock.Held:
            raise StartError(f"Another {self.name} is running on {self.folder}.") from None

    def wait_until_ready(self, server: Child, timeout_seconds: float = 60.0) -> None:
        """Until it answers, which after a crash takes as long as replaying its log. Raises StartError."""
        deadline = time.monotonic() + timeout_seconds
        while not self._is_ready(server):
            if server.poll() is not None:
                raise StartError(f"{self.name} did not start: {_last_line(server.command.log)}")
            if time.monotonic() > deadline:
                raise StartError(f"{self.name} was not ready after {timeout_seconds:g} s.")
            time.sleep(0.01)


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wheel(package: str, setting: str) -> Path:
    """The folder of a package that brings a server; finding is 0.1 s faster than importing. Raises StartError."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise StartError(f"The Python package {package} is not installed: install requirements.txt or set {setting}.")
    return Path(spec.origin).parent


def _last_line(log: Path | None) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log and log.exists() else []
    return lines[-1] if lines else "it said nothing."
