"""The only place that talks to the queue. What it sends are hints: losing every one of them costs time, never work."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.db import transaction
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

log = logging.getLogger(__name__)

#: After a failure Redis is left alone for this long, so that its absence costs nothing.
REST_SECONDS = 1.0
#: Longest a hint may take, seconds: it never holds up a request.
HINT_SECONDS = 0.1
CHANNEL = "live"

_rest_until = 0.0


def hint(execution_id: uuid.UUID) -> None:
    """Once this transaction is committed: "look at this execution"."""
    transaction.on_commit(lambda: _send(lambda: _enqueue(execution_id)))


def publish(*topics: str) -> None:
    """Once this transaction is committed: "what you show of these topics has changed"."""
    transaction.on_commit(lambda: _send(lambda: _publish(topics)))


@cache
def _redis() -> Redis:
    patience = {"socket_timeout": HINT_SECONDS, "socket_connect_timeout": HINT_SECONDS}
    return Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0), **patience)


def _enqueue(execution_id: uuid.UUID) -> None:
    # Never with a job id of ours: a lost job would block every later hint of that id.
    queue = Queue("drive", connection=_redis(), serializer=JSONSerializer)
    queue.enqueue_call("pipelines.jobs.drive", (str(execution_id),), timeout=600, result_ttl=0, failure_ttl=86400)


def _publish(topics: tuple[str, ...]) -> None:
    for topic in topics:
        _redis().publish(CHANNEL, json.dumps({"topic": topic}))


def _send(send: Callable[[], None]) -> None:
    global _rest_until
    if time.monotonic() < _rest_until:
        return
    try:
        send()
    except RedisError as error:
        _rest_until = time.monotonic() + REST_SECONDS
        log.debug("no hint sent: %s", error)
