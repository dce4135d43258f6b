"""The only place that talks to the queue. What it sends are hints: losing every one of them costs time, never work."""

from __future__ import annotations

import json
import logging
import time
import uuid

import django_rq
from django.db import transaction
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

#: After a failure Redis is left alone for this long, so that its absence costs nothing.
REST_SECONDS = 1.0
CHANNEL = "live"

_rest_until = 0.0


def hint(execution_id: uuid.UUID) -> None:
    """Once this transaction is committed: "look at this execution"."""
    transaction.on_commit(lambda: _send(lambda: _enqueue(execution_id)))


def publish(*topics: str) -> None:
    """Once this transaction is committed: "what you show of these topics has changed"."""
    transaction.on_commit(lambda: _send(lambda: _publish(topics)))


def _enqueue(execution_id: uuid.UUID) -> None:
    queue = django_rq.get_queue("drive")
    queue.enqueue_call("pipelines.jobs.drive", (str(execution_id),), timeout=600, result_ttl=0, failure_ttl=86400)


def _publish(topics: tuple[str, ...]) -> None:
    connection = django_rq.get_connection("drive")
    for topic in topics:
        connection.publish(CHANNEL, json.dumps({"topic": topic}))


def _send(send: object) -> None:
    global _rest_until
    if time.monotonic() < _rest_until:
        return
    try:
        send()  # type: ignore[operator]
    except RedisError as error:
        _rest_until = time.monotonic() + REST_SECONDS
        log.debug("no hint sent: %s", error)
