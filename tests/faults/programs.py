"""Workers as people run them: `manage.py drive`, started again when they end, as `manage.py up` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from clusters.providers.local.children import Command, Supervisor
from tests.faults.ground import Ground
from tests.local_agent import ROOT, TOKEN


@contextmanager
def driving(ground: Ground, log: Path, redis_url: str, count: int = 2) -> Iterator[Supervisor]:
    """`count` workers on this process's database. Call `check()` of what is given, now and then."""
    supervisor = Supervisor(lambda sentence: None)
    for number in range(count):
        supervisor.start(_command(ground, log, number, redis_url))
    try:
        yield supervisor
    finally:
        supervisor.stop()


def _command(ground: Ground, log: Path, number: int, redis_url: str) -> Command:
    env = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "REDIS_URL": redis_url,
        "SPINNAKER_AGENT_SOCKET": str(ground.agent.socket),
        "SPINNAKER_AGENT_TOKEN": TOKEN,
        "SPINNAKER_LEASE_SECONDS": str(settings.LEASE_SECONDS),
    }
    return Command(name=f"worker {number}", argv=[sys.executable, "manage.py", "drive"], env=env, cwd=ROOT, log=log)


def database_url() -> str:
    server = connection.settings_dict
    return f"postgres://{server['USER']}:{quote(server['PASSWORD'])}@{server['HOST']}:{server['PORT']}/{server['NAME']}"
