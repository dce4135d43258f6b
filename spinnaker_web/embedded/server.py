"""What the embedded servers have in common: one owner per folder, a free port, waiting until they answer."""

from __future__ import annotations

import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from clusters.providers.local.children import Child, Command, describe_exit
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
    def is_ready(self, server: Child) -> bool:
        """Whether it answers."""

    def take_folder(self) -> None:
        """Make the folder and lock it. Raises StartError when a server runs on it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self.lock = lock.hold(self.folder / "lock", PREDECESSOR_SECONDS)
        except lock.Held:
            raise StartError(f"Another {self.name} is running on {self.folder}.") from None

    def wait_until_ready(self, server: Child) -> None:
        """Until it answers, which after a crash takes as long as replaying its log. Raises StartError."""
        wait_until_ready(server, lambda: self.is_ready(server))


def wait_until_ready(child: Child, is_ready: Callable[[], bool], timeout_seconds: float = 60.0) -> None:
    """Ask again and again. Raises StartError when the child ends instead, or takes too long."""
    name, log = child.command.name, child.command.log
    deadline = time.monotonic() + timeout_seconds
    while not is_ready():
        if (code := child.poll()) is not None:
            raise StartError(f"{name} {describe_exit(code)} instead of starting. {last_words(log)}")
        if time.monotonic() > deadline:
            raise StartError(f"{name} was not ready after {timeout_seconds:g} s. {last_words(log)}")
        time.sleep(0.02)


def last_words(log: Path | None) -> str:
    """The last line of a log and where to read the rest."""
    lines = log.read_text(errors="replace").strip().splitlines() if log and log.exists() else []
    return f"{lines[-1].strip()} (more in {log})" if lines else ""


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
