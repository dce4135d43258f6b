"""The same work through the product: admitted as a start is, hinted through RQ, driven by `manage.py drive`."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from typing import Any

import psycopg

from bench.floors import ended_at

APPLICATION, PIPELINE = "bench", "chain"


def prepare(stages: int) -> str:
    """Tables, an application with a pipeline of waits, and the token of a person who may start it."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from clusters.models import Application
    from clusters.trust.permissions import actor_of
    from pipelines.operations import save_pipeline
    from spinnaker_web.access import tokens

    call_command("migrate", interactive=False, verbosity=0)
    user = get_user_model().objects.create_superuser("bench")
    application = Application.objects.create(name=APPLICATION)
    # It waits in its first stage: a POST is measured up to there, and nothing runs on behind the measurement.
    save_pipeline(actor_of(user), application, json.dumps(chain_document(stages, first_wait=3600)))
    return tokens.make(user, "bench")


def chain_document(stages: int, first_wait: int = 0) -> dict[str, Any]:
    """A pipeline of waits of no time, one after the other; the first may take longer."""
    return {
        "name": PIPELINE,
        "stages": [
            {
                "refId": str(n),
                "type": "wait",
                "name": f"Wait {n}",
                "waitTime": 0 if n else first_wait,
                "requisiteStageRefIds": [str(n - 1)] if n else [],
            }
            for n in range(stages)
        ],
    }


class Chain:
    """Starts chains of one length in this process; a worker process drives them."""

    def __init__(self, stages: int) -> None:
        from django.contrib.auth import get_user_model

        from clusters.trust.permissions import actor_of
        from pipelines.core.definition import read

        self._document = chain_document(stages)
        self._spec = read(self._document)
        self._actor = actor_of(get_user_model().objects.get(username="bench"))

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """Seconds from before the start to the commit that made it SUCCEEDED."""
        from pipelines.engine import admit

        began = time.time()
        execution, _ = admit.admit(admit.Admission(APPLICATION, self._spec, self._document, self._actor))
        return ended_at(connection, "pipelines_execution", "id", execution.pk, "SUCCEEDED") - began


class Post:
    """POSTs on one kept connection: to us (with a token) or to the floor."""

    def __init__(self, port: int, path: str, token: str = "") -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._path = path
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def send(self) -> tuple[float, dict[str, Any]]:
        """(when it was sent, epoch seconds; the answer)."""
        began = time.time()
        self._http.request("POST", self._path, body=b"{}", headers=self._headers)
        response = self._http.getresponse()
        body = response.read()
        if response.status != http.client.ACCEPTED:
            raise RuntimeError(f"POST {self._path} answered {response.status}: {body[:200]!r}")
        return began, json.loads(body)


def floor_latency(post: Post, connection: psycopg.Connection[Any]) -> float:
    """Seconds from the POST to the commit that made the first stage RUNNING, at the floor."""
    began, answer = post.send()
    return ended_at(connection, "floor_stage", "n = 0 AND run", answer["run"], "RUNNING") - began


def our_latency(post: Post, connection: psycopg.Connection[Any]) -> float:
    """The same through our web server and our worker: the first event that says RUNNING of a stage."""
    from pipelines.models.ids import from_ulid

    began, answer = post.send()
    execution: uuid.UUID = from_ulid(answer["ref"].rpartition("/")[2])
    key = "ref = '0' AND kind = 'stage' AND execution_id"
    return ended_at(connection, "pipelines_event", key, execution, "RUNNING") - began
