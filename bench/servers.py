"""The servers both sides use, and child programs that end with us."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg

from clusters.providers.local.children import Child, Command
from spinnaker_web.embedded.postgres import Postgres
from spinnaker_web.embedded.server import Server
from spinnaker_web.embedded.valkey import Valkey

ROOT = Path(__file__).resolve().parents[1]


class Servers(NamedTuple):
    database_url: str
    redis_url: str

    @property
    def environment(self) -> dict[str, str]:
        """For a program of ours or of a floor."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "spinnaker_web.settings",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SPINNAKER_SECRET_KEY": "a key for benches only, long enough for every check of Django's",
            "SPINNAKER_AGENT_TOKEN": "none",
        }


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """PostgreSQL with its usual settings, which also remembers when each transaction was committed, and Valkey."""
    with ExitStack() as stack:
        database = Postgres(folder / "postgres")
        child = _serve(database)
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
        child.stop()
        child = Child(database.command(folder / "postgres.log"))
        stack.callback(child.stop)
        database.wait_until_ready(child)
        queue = Valkey(folder / "valkey")
        stack.callback(_serve(queue).stop)
        yield Servers(database.url, queue.url)


def _serve(server: Server) -> Child:
    server.initialise()
    child = Child(server.command(server.folder / "log"))
    server.wait_until_ready(child)
    return child


@contextmanager
def program(name: str, where: Servers, log: Path, *argv: str, **environment: str) -> Iterator[Child]:
    """A Python program as a child, stopped at the end."""
    command = Command(
        name=name, argv=[sys.executable, *argv], env={**where.environment, **environment}, cwd=ROOT, log=log
    )
    child = Child(command)
    try:
        yield child
    finally:
        child.stop()
