"""HintWorker: a hint is obeyed and forgotten."""

from __future__ import annotations

import logging
import threading
import uuid

import django_rq
import pytest
from django.db import OperationalError
from rq.serializers import JSONSerializer

from pipelines import jobs
from pipelines.engine import hints, outbox
from pipelines.models import Execution

WAIT_0 = {"type": "wait", "waitTime": 0}


@pytest.fixture
def queue():
    queue = django_rq.get_queue("drive")
    queue.connection.flushdb()
    return queue


def obey(queue):
    """All hints there are."""
    worker = hints.HintWorker([queue], connection=queue.connection, serializer=JSONSerializer)
    worker.stopping = threading.Event()
    worker.work(burst=True, logging_level="CRITICAL")


def remains(queue):
    return {
        key for key in queue.connection.keys("rq:*") if not key.startswith((b"rq:queues", b"rq:worker", b"rq:clean"))
    }


def test_a_hint_drives_its_execution_and_leaves_nothing_in_redis(begin, queue):
    execution = begin(WAIT_0)
    obey(queue)
    assert Execution.objects.get(pk=execution.pk).status == "SUCCEEDED"
    assert remains(queue) == set()


def test_a_hint_of_nothing_known_is_forgotten(transactional_db, queue):
    outbox.hint(uuid.uuid4())
    obey(queue)
    assert remains(queue) == set()


def test_a_hint_that_fails_is_told_and_holds_up_no_other(begin, queue, monkeypatch, caplog):
    failing, fine = begin(WAIT_0), begin(WAIT_0)
    drive = jobs.drive_execution

    def fail_once(execution_id):
        if execution_id == failing.pk:
            raise OperationalError("the connection is gone")
        return drive(execution_id)

    monkeypatch.setattr(jobs, "drive_execution", fail_once)
    with caplog.at_level(logging.ERROR):
        obey(queue)
    assert str(failing.pk) in caplog.text
    assert remains(queue) == set()
    assert Execution.objects.get(pk=fine.pk).status == "SUCCEEDED"


def test_a_worker_that_is_to_stop_leaves_after_the_hint_under_way(begin, queue):
    begin(WAIT_0), begin(WAIT_0)
    worker = hints.HintWorker([queue], connection=queue.connection, serializer=JSONSerializer)
    worker.stopping = threading.Event()
    worker.stopping.set()
    with pytest.raises(SystemExit):
        worker.work(burst=True, logging_level="CRITICAL")
    assert queue.count == 1
