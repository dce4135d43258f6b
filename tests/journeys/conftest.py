"""A real piece of the stack against the test database: uvicorn and one drive worker, each a process of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from playwright.sync_api import Page

from clusters.models import Application, ApplicationPermission

PROJECT = Path(__file__).resolve().parents[2]
PASSWORD = "a long enough passphrase"
#: Nothing listens here.
NO_REDIS = "redis://127.0.0.1:9/0"


@dataclass(frozen=True)
class Site:
    url: str

    def sign_in(self, page: Page, name: str) -> None:
        page.goto(f"{self.url}/login")
        page.fill("input[name=username]", name)
        page.fill("input[name=password]", PASSWORD)
        page.click("main button")
        page.wait_for_url(lambda url: "/login" not in url)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All journeys one after the other in one process: they share a site, and its worker drives all that it finds."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("journeys"))


@pytest.fixture(scope="module")
def sites(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Site]]:
    """sites(redis_url) -> a site with its worker, on the tests' database: gone before other tests use that."""
    started: dict[str, Site] = {}
    processes: list[subprocess.Popen[bytes]] = []
    logs = tmp_path_factory.mktemp("stack")

    def run(name: str, *arguments: str, **extra: str) -> None:
        with (logs / name).open("ab") as log:
            command = [sys.executable, *arguments]
            processes.append(subprocess.Popen(command, cwd=PROJECT, env=os.environ | extra, stdout=log, stderr=log))

    def start(redis_url: str) -> Site:
        if redis_url not in started:
            port = _free_port()
            extra = {"DATABASE_URL": _test_database(), "REDIS_URL": redis_url, "SPINNAKER_DB_POOL": "1"}
            site = ("-m", "uvicorn", "spinnaker_web.asgi:application", "--port", str(port), "--log-level", "warning")
            run(f"web-{port}", *site, "--timeout-graceful-shutdown", "1", **extra)
            run(f"drive-{port}", "manage.py", "drive", **extra | {"SPINNAKER_DB_POOL": "0"})
            started[redis_url] = Site(f"http://127.0.0.1:{port}")
            _wait_for(started[redis_url].url, logs)
        return started[redis_url]

    yield start
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(10)


@pytest.fixture(params=["with Valkey", "without Valkey"])
def any_site(request: pytest.FixtureRequest, sites: Callable[[str], Site], transactional_db: None) -> Site:
    return sites(os.environ["REDIS_URL"] if request.param == "with Valkey" else NO_REDIS)


@pytest.fixture
def site(sites: Callable[[str], Site], transactional_db: None) -> Site:
    return sites(os.environ["REDIS_URL"])


@pytest.fixture
def shop(transactional_db: None) -> Application:
    owners, readers = Group.objects.create(name="owners"), Group.objects.create(name="readers")
    shop = Application.objects.create(name="shop", owner_email="shop@example.org", owner_role=owners)
    ApplicationPermission.objects.create(application=shop, role=readers, authorization="READ")
    return shop


@pytest.fixture
def alice(shop: Application) -> User:
    """Owns shop."""
    return _person("alice", "owners")


@pytest.fixture
def bob(shop: Application) -> User:
    """May look at shop."""
    return _person("bob", "readers")


def _person(name: str, role: str) -> User:
    user = User.objects.create_user(name, password=PASSWORD)
    user.groups.add(Group.objects.get(name=role))
    return user


def _test_database() -> str:
    parts = urlsplit(os.environ["DATABASE_URL"])
    path, name = parts.path, connection.settings_dict["NAME"]
    return urlunsplit(parts._replace(path=f"{path.rpartition('/')[0]}/{name}"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, logs: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            if httpx.get(f"{url}/health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail("\n".join(log.read_text()[-3000:] for log in logs.iterdir()))
