import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django_rq
import pytest
from django.db import OperationalError, connections
from redis.exceptions import ConnectionError as RedisAway
from structlog.testing import capture_logs

from clusters import inventory, jobs
from clusters.core import values
from clusters.core.values import Capacity
from clusters.management.commands.inventory import Part, Rounds, take_hints
from clusters.models import Account, Freshness, Kind, ServerGroup
from clusters.providers import PROVIDERS
from clusters.providers.base import Unavailable
from clusters.providers.memory import MemoryCloud
from tests.clouds import wait_until

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.django_db


def here(work: Callable[..., object], *args: object) -> None:
    work(*args)


def events(rounds: Rounds) -> list[str]:
    """What is told of server groups, or of no kind."""
    with capture_logs() as logs:
        rounds.begin_due()
    return [line["event"] for line in logs if line.get("kind", Kind.SERVER_GROUPS) == Kind.SERVER_GROUPS]


def test_a_place_is_told_of_only_when_it_changes(account: Account, cloud: MemoryCloud) -> None:
    rounds = Rounds(0, here)
    assert events(rounds) == ["reading"]
    assert events(rounds) == []
    cloud.fail("server_groups.changes", Unavailable("no answer"), times=2)
    assert events(rounds) == ["failing"]
    assert events(rounds) == []
    assert events(rounds) == ["reading"]


def test_a_provider_that_breaks_stops_no_other(
    account: Account, cloud: MemoryCloud, image: values.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    Account.objects.create(name="a-broken-one", provider="memory", regions=["local"])
    Account.objects.create(name="off", provider="memory", regions=["local"], is_enabled=False)
    request = values.ServerGroupRequest("local", "shop-web-v000", image.id, Capacity(0, 0, 0))
    cloud.server_groups.create("main", request, "t")
    refresh = inventory.refresh

    def breaking(name: str, region: str, kind: Kind) -> frozenset[str]:
        return refresh(name, region, kind) if name == "main" else frozenset({1 / 0})  # type: ignore[arg-type]

    monkeypatch.setattr(inventory, "refresh", breaking)
    rounds = Rounds(0, here)
    assert events(rounds) == ["broke", "failing", "reading"]
    assert events(rounds) == []
    assert ServerGroup.objects.get().name == "shop-web-v000"
    broken = Freshness.objects.get(account_id="a-broken-one", kind=Kind.SERVER_GROUPS)
    assert broken.error == "ZeroDivisionError: division by zero"
    assert not Freshness.objects.filter(account_id="off").exists()


def test_a_server_that_is_away_is_tried_again_with_growing_pauses() -> None:
    calls: list[float] = []
    clock = 0.0
    is_away = True

    def work() -> None:
        calls.append(clock)
        if is_away:
            raise OperationalError("refused")

    part = Part("accounts", work, OperationalError)
    with capture_logs() as logs:
        for second in range(20):
            clock, is_away = float(second), second < 16
            part.run(clock)
    assert calls == [0, 1, 3, 7, 15]
    assert [line["event"] for line in logs] == ["away"]


def test_hints_are_jobs_on_the_queue(
    account: Account, cloud: MemoryCloud, image: values.Image, django_capture_on_commit_callbacks: Any
) -> None:
    request = values.ServerGroupRequest("local", "shop-web-v000", image.id, Capacity(0, 0, 0))
    cloud.server_groups.create("main", request, "t")
    with django_capture_on_commit_callbacks(execute=True):
        django_rq.get_queue("inventory").enqueue(jobs.refresh, "main", "local", "shop-web")
    take_hints()
    assert ServerGroup.objects.get().name == "shop-web-v000"
    take_hints()


def test_hints_without_redis_are_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(name: str) -> None:
        raise RedisAway("refused")

    monkeypatch.setattr(django_rq, "get_queue", refused)
    part = Part("hints", take_hints, RedisAway)
    with capture_logs() as logs:
        part.run(0.0)
    assert logs[0]["event"] == "away"


@pytest.mark.django_db(transaction=True)
def test_a_region_that_does_not_answer_holds_up_no_other(account: Account, cloud: MemoryCloud) -> None:
    hanging = MemoryCloud(auto=False)
    PROVIDERS["hanging"] = hanging
    Account.objects.create(name="a-hanging-one", provider="hanging", regions=["local"])
    hanging.hang("server_groups.changes")
    threads: list[threading.Thread] = []

    def begin(work: Callable[..., object], *args: object) -> None:
        def run() -> None:
            try:
                work(*args)
            finally:
                connections.close_all()

        threads.append(threading.Thread(target=run))
        threads[-1].start()

    rounds = Rounds(0, begin)

    def is_read() -> bool:
        rounds.begin_due()
        return Freshness.objects.filter(account_id="main", kind=Kind.SECURITY_GROUPS).count() == 1

    try:
        wait_until(is_read, seconds=3)
        assert set(Freshness.objects.filter(account_id="a-hanging-one").values_list("kind", flat=True)) <= {Kind.IMAGES}
    finally:
        hanging.release()
        for thread in threads:
            thread.join()
        del PROVIDERS["hanging"]


@pytest.mark.slow
def test_the_process_lives_without_any_server_and_leaves_when_told() -> None:
    nowhere = {"DATABASE_URL": "postgres://x@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"}
    command = [sys.executable, "manage.py", "inventory", "--every", "0.1"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | nowhere, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    said = [process.stderr.readline() for _ in range(2)]
    assert all("away" in line for line in said), said
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
