"""Promises are kept; hints may be lost."""

from __future__ import annotations

import zlib

import django_rq
import pytest
from django.conf import settings
from django.db import connection
from redis import Redis

from pipelines.core.plan import ABSENT, Effect, Intent, Succeeded
from pipelines.engine import outbox
from pipelines.models import Outbox
from pipelines.stages.base import BaseStage
from tests.pipelines.engine.conftest import driven


class Change(BaseStage):
    """Changes a cluster."""

    key, label = "change", "Change"

    def steps(self, config):
        def intend(step, config):
            return Intent({}, "changing", lock="prod:eu:shop")

        return (Effect("change", intend, lambda intent, step: Succeeded(), lambda intent, step: ABSENT),)


@pytest.fixture
def queue():
    queue = django_rq.get_queue("inventory")
    queue.empty()
    return queue


@pytest.fixture
def no_redis(monkeypatch):
    """Nobody listens where Redis should be, until the test lets it come back."""
    monkeypatch.setattr(outbox, "_rest_until", 0.0)
    outbox._redis.cache_clear()
    with monkeypatch.context() as away:
        away.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
        yield away
    outbox._redis.cache_clear()
    outbox._rest_until = 0.0


def test_a_changed_cluster_is_read_again(begin, stage_type, queue):
    stage_type(Change())
    assert driven(begin({"type": "change"})).status == "SUCCEEDED"
    outbox.deliver()
    (job,) = queue.jobs
    assert (job.func_name, tuple(job.args)) == ("clusters.jobs.refresh", ("prod", "eu", "shop"))
    assert Outbox.objects.get().sent_at
    outbox.deliver()
    assert len(queue.jobs) == 1


def test_a_promise_waits_until_the_queue_is_back(transactional_db, queue, no_redis):
    outbox.promise_refresh("change 1", "prod", "eu", "shop")
    outbox.deliver()
    assert Outbox.objects.get().sent_at is None
    no_redis.undo()
    outbox._redis.cache_clear()
    outbox._rest_until = 0.0
    expire_claims()
    outbox.deliver()
    assert (Outbox.objects.get().tries, len(queue.jobs)) == (2, 1)


def test_a_promise_claimed_by_another_worker_is_left_to_it(transactional_db, queue):
    outbox.promise_refresh("change 1", "prod", "eu", "shop")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pipelines_outbox SET claimed_until = engine_now() + interval '5 s'")
    outbox.deliver()
    assert queue.jobs == []


def test_the_same_change_promises_once(transactional_db):
    outbox.promise_refresh("change 1", "prod", "eu", "shop")
    outbox.promise_refresh("change 1", "prod", "eu", "shop")
    assert Outbox.objects.count() == 1


def test_a_hint_without_redis_costs_nothing_and_fails_nothing(begin, no_redis):
    execution = begin({"type": "wait", "waitTime": 0})
    assert driven(execution).status == "SUCCEEDED"


def test_queued_messages_are_json_of_ids_only(begin):
    drive = django_rq.get_queue("drive")
    drive.empty()
    execution = begin({"type": "wait", "waitTime": 0})
    raw = Redis.from_url(settings.REDIS_URL).hget(f"rq:job:{drive.job_ids[0]}", "data")
    assert str(execution.pk) in zlib.decompress(raw).decode()


def expire_claims():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pipelines_outbox SET claimed_until = NULL")
