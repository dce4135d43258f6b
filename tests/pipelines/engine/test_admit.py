"""admit(): what many starts of one pipeline at once come to."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from pipelines.models import Event, Execution, Stage
from pipelines.operations import save_pipeline, start

DOCUMENT = {"name": "Try", "stages": [{"refId": "1", "type": "wait", "name": "Rest", "waitTime": 60}]}


def start_many(admin, pipeline, count, workers, **more):
    def one(_):
        try:
            return start(admin, pipeline, **more).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(workers) as pool:
        return set(pool.map(one, range(count)))


def test_starts_at_once_are_numbered_in_the_order_of_their_instants(admin, application):
    pipeline = save_pipeline(admin, application, json.dumps(DOCUMENT)).pipeline
    start_many(admin, pipeline, 24, 6)
    runs = Execution.objects.order_by("number")
    assert [run.number for run in runs] == list(range(1, 25))
    assert [run.created_at for run in runs] == sorted(run.created_at for run in runs)


def test_the_same_event_at_once_starts_one_execution(admin, application):
    pipeline = save_pipeline(admin, application, json.dumps(DOCUMENT)).pipeline
    assert len(start_many(admin, pipeline, 8, 4, dedupe_key="build 7")) == 1
    assert (Execution.objects.count(), Stage.objects.count()) == (1, 1)
    assert [event.status for event in Event.objects.order_by("seq")] == ["NOT_STARTED", "RUNNING", "RUNNING", "PENDING"]


def test_what_is_returned_is_what_is_stored(admin, application):
    pipeline = save_pipeline(admin, application, json.dumps(DOCUMENT)).pipeline
    made = start(admin, pipeline)
    stored = Execution.objects.get()
    fields = [field.attname for field in Execution._meta.concrete_fields]
    assert {name: getattr(made, name) for name in fields} == {name: getattr(stored, name) for name in fields}
