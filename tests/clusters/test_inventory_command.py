import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import django_rq
import pytest
from django.db import OperationalError
from redis.exceptions import ConnectionError as RedisAway
from structlog.testing import capture_logs

from clusters import inventory, jobs
from clusters.core import values
from clusters.core.values import Capacity
from clusters.management.commands.inventory import Part, Watch, take_hints
from clusters.models import Account, Freshness, ServerGroup
from clusters.providers.base import Unavailable
from clusters.providers.memory import MemoryCloud

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.django_db


def events(watch: Watch) -> list[str]:
    with capture_logs() as logs:
        watch.refresh_all()
    return [line["event"] for line in logs]


def test_a_place_is_told_of_only_when_it_changes(account: Account, cloud: MemoryCloud) -> None:
    watch = Watch()
    assert events(watch) == ["reading"]
    assert events(watch) == []
    cloud.fail("images.list", Unavailable("no answer"), times=2)
    assert events(watch) == ["failing"]
    assert events(watch) == []
    assert events(watch) == ["reading"]


def test_a_provider_that_breaks_stops_no_other(
    account: Account, cloud: MemoryCloud, image: values.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    Account.objects.create(name="a-broken-one", provider="memory", regions=["local"])
    Account.objects.create(name="off", provider="memory", regions=["local"], is_enabled=False)
    request = values.ServerGroupRequest("local", "shop-web-v000", image.id, Capacity(0, 0, 0))
    cloud.server_groups.create("main", request, "t")
    refresh = inventory.refresh

    def breaking(name: str, region: str) -> frozenset[str]:
        return refresh(name, region) if name == "main" else frozenset({1 / 0})  # type: ignore[arg-type]

    monkeypatch.setattr(inventory, "refresh", breaking)
    watch = Watch()
    assert events(watch) == ["broke", "failing", "reading"]
    assert events(watch) == []
    assert ServerGroup.objects.get().name == "shop-web-v000"
    assert Freshness.objects.get(account_id="a-broken-one").error == "ZeroDivisionError: division by zero"
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
    account: Account, cloud: MemoryCloud, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        django_rq.get_queue("inventory").enqueue(jobs.refresh, "main", "local")
    take_hints()
    assert Freshness.objects.get().refreshed_at
    take_hints()


def test_hints_without_redis_are_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(name: str) -> None:
        raise RedisAway("refused")

    monkeypatch.setattr(django_rq, "get_queue", refused)
    part = Part("hints", take_hints, RedisAway)
    with capture_logs() as logs:
        part.run(0.0)
    assert logs[0]["event"] == "away"


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
