"""The commands that `up` runs beside the embedded servers, and the environment each of them sees."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clusters.providers.local.children import Command
from spinnaker_web.embedded.data_folder import PROJECT, DataFolder

#: What a program needs from the host.
_HOST = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
#: What the person who types `up` may set for the platform.
_SETTINGS = ("SPINNAKER_", "AWS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True, kw_only=True)
class Parts:
    """One installation. URLs and tokens travel by environment: a command line can be read by every user of the host."""

    folder: DataFolder
    environ: Mapping[str, str]
    port: int
    database_url: str
    redis_url: str
    agent_socket: Path

    @property
    def agent_token(self) -> str:
        return self.folder.secret("agent_token")

    @property
    def secret_key(self) -> str:
        return self.environ.get("SPINNAKER_SECRET_KEY") or self.folder.secret("secret_key")

    @property
    def secrets_keys(self) -> str:
        return self.environ.get("SPINNAKER_SECRETS_KEYS") or self.folder.secret("secrets_key")

    def agent(self) -> Command:
        """Runs other people's code, so it sees nothing of ours but its own token, and keeps our folder from them. Its
        instances hang on a keeper, which watches us and ends with us."""
        given = ("SPINNAKER_LB_BIND", "SPINNAKER_UNISOLATED", "SPINNAKER_INSTANCE_MEMORY_MIB")
        return Command(
            name="local cloud",
            argv=[
                *(sys.executable, "-m", "clusters.providers.local.agent"),
                *("--data", str(self.folder.path / "agent"), "--socket", str(self.agent_socket)),
            ],
            env={
                **self._host(),
                **{name: self.environ[name] for name in given if self.environ.get(name)},
                "SPINNAKER_AGENT_TOKEN": self.agent_token,
                "SPINNAKER_LAUNCHER_PID": str(os.getpid()),
                "SPINNAKER_HIDE": str(self.folder.path),
            },
            cwd=PROJECT,
            log=self.folder.log("agent"),
        )

    def prepare(self, stdout: int) -> Command:
        """Alone sees the administrator's password; `stdout` gets what is to be shown about it."""
        given = self.environ.get("SPINNAKER_ADMIN_PASSWORD")
        extra = {"SPINNAKER_ADMIN_PASSWORD": given} if given else {}
        patience = "10" if self.environ.get("DATABASE_URL") else "60"  # ours may have to replay its log first
        arguments = ("manage.py", "prepare", "--patience", patience)
        return self._python("database", "prepare", *arguments, stdout=stdout, **extra)

    def web(self) -> Command:
        return self._python(
            *("web", "web", "-m", "uvicorn", "spinnaker_web.asgi:application"),
            *("--host", "127.0.0.1", "--port", str(self.port), "--timeout-graceful-shutdown", "2"),
            "--no-proxy-headers",  # an instance on this host could choose the address it seems to come from
            SPINNAKER_DB_POOL="1",
        )

    def workers(self) -> list[Command]:
        return [
            self._python("drive worker 1", "drive-1", "manage.py", "drive"),
            self._python("drive worker 2", "drive-2", "manage.py", "drive"),
            self._python("work worker", "work", "manage.py", "work"),
            self._python("inventory worker", "inventory", "manage.py", "inventory"),
        ]

    def _python(self, name: str, log: str, *arguments: str, stdout: int | None = None, **extra: str) -> Command:
        return Command(
            name=name,
            argv=[sys.executable, *arguments],
            env={**self._platform(), **extra},
            cwd=PROJECT,
            log=self.folder.log(log),
            stdout=stdout,
        )

    def _host(self) -> dict[str, str]:
        kept = {name: self.environ[name] for name in _HOST if name in self.environ}
        return {"PATH": os.defpath, **kept, "PYTHONUNBUFFERED": "1"}

    def _platform(self) -> dict[str, str]:
        settings = {name: value for name, value in self.environ.items() if name.upper().startswith(_SETTINGS)}
        settings.pop("SPINNAKER_ADMIN_PASSWORD", None)
        return {
            "SPINNAKER_SCRIPTS": "1",  # only where they can be isolated, which the worker finds out
            **settings,
            **self._host(),
            "DJANGO_SETTINGS_MODULE": "spinnaker_web.settings",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SPINNAKER_SECRET_KEY": self.secret_key,
            "SPINNAKER_SECRETS_KEYS": self.secrets_keys,
            "SPINNAKER_AGENT_SOCKET": str(self.agent_socket),
            "SPINNAKER_AGENT_TOKEN": self.agent_token,
            "DATA_DIR": str(self.folder.path),
            "PORT": str(self.port),
        }
