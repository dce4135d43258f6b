"""Pytest plugin: one throw-away PostgreSQL and one Valkey for the whole session, before settings are read.

Named in pyproject.toml by `-p`, since pytest-django reads the settings before any conftest.py. Servers named in the
environment are used as they are. With xdist the controller starts them and the workers inherit the environment: each
worker has its own test database already, and gets its own Redis database here.
"""

import os
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from clusters.providers.local.children import Child
from spinnaker_web.embedded.postgres import Postgres
from spinnaker_web.embedded.server import Server
from spinnaker_web.embedded.valkey import Valkey

SECRET_KEY = "a key for tests only, long enough for every check of Django's"
AGENT_TOKEN = "a token for tests only"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    os.environ.setdefault("SPINNAKER_SECRET_KEY", SECRET_KEY)
    os.environ.setdefault("SPINNAKER_AGENT_TOKEN", AGENT_TOKEN)
    folder = tempfile.TemporaryDirectory(prefix="spinnaker-tests-")
    early_config.add_cleanup(folder.cleanup)
    for setting, server_class in (("DATABASE_URL", Postgres), ("REDIS_URL", Valkey)):
        if setting not in os.environ:
            server = server_class(Path(folder.name) / setting, is_throwaway=True)
            os.environ[setting], stop = serve(server)
            early_config.add_cleanup(stop)
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ["REDIS_URL"] = redis_database(os.environ["REDIS_URL"], 1 + int(worker.removeprefix("gw")))
    return (yield)


def serve(server: Server) -> tuple[str, Callable[[], int]]:
    """Start it, wait for it; its URL and what stops it."""
    server.initialise()
    child = Child(server.command(server.folder / "log"))
    server.wait_until_ready(child)
    return server.url, child.stop


def redis_database(url: str, number: int) -> str:
    return f"{url.rpartition('/')[0]}/{number}"
