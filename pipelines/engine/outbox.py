"""The only place that talks to the queue.

A hint is sent once and may be lost: that costs time, never work. A promise is a row, written in the transaction that
makes it true, claimed and sent by the sweep of any worker, and tried again until the queue has taken it.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from pipelines.models import Outbox

log = logging.getLogger(__name__)

#: After a failure Redis is left alone for this long, so that its absence costs nothing.
REST_SECONDS = 1.0
#: Longest a hint may take, seconds: it never holds up a request.
HINT_SECONDS = 0.1
CHANNEL = "live"

REFRESH = "refresh"
#: Promises sent in one sweep.
PAGE = 50
#: How long one worker has to send what it claimed.
CLAIM_SECONDS = 5.0
#: How long a kept promise is remembered, so that the same change does not make it again.
KEPT = timedelta(hours=1)

_rest_until = 0.0


def hint(execution_id: uuid.UUID) -> None:
    """Once this transaction is committed: "look at this execution"."""
    transaction.on_commit(lambda: _send(lambda: _enqueue("drive", "pipelines.jobs.drive", str(execution_id))))


def hint_work() -> None:
    """Once this transaction is committed: "there is work to take up"."""
    transaction.on_commit(lambda: _send(lambda: _enqueue("work", "pipelines.jobs.work")))


def publish(*topics: str) -> None:
    """Once this transaction is committed: "what you show of these topics has changed"."""
    transaction.on_commit(lambda: _send(lambda: _publish(topics)))


@cache
def _redis() -> Redis:
    patience = {"socket_timeout": HINT_SECONDS, "socket_connect_timeout": HINT_SECONDS}
    return Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0), **patience)


def promise_refresh(key: str, account: str, region: str, changed: str) -> None:
    """Have a cluster, or what else has a lock of its own, read again: it was just changed. `key` names the change."""
    payload = {"account": account, "region": region, "changed": changed}
    row = Outbox(kind=REFRESH, key=key, payload=payload, due_at=Now())
    Outbox.objects.bulk_create([row], ignore_conflicts=True)


def deliver() -> None:
    """Send promises that are due, at most PAGE; forget those kept an hour ago."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [CLAIM_SECONDS, PAGE])
        claimed = cursor.fetchall()
    for row_id, payload in claimed:
        place = json.loads(payload) if isinstance(payload, str) else payload
        where = (place["account"], place["region"], place.get("changed", ""))
        call = partial(_enqueue, "inventory", "clusters.jobs.refresh", *where)
        if _send(call):
            Outbox.objects.filter(pk=row_id).update(sent_at=Now(), claimed_until=None)
    Outbox.objects.filter(sent_at__lt=Now() - KEPT).delete()


_CLAIM = """
UPDATE pipelines_outbox SET tries = tries + 1, claimed_until = engine_now() + %s * interval '1 second'
WHERE id IN (
  SELECT id FROM pipelines_outbox
  WHERE sent_at IS NULL AND due_at <= engine_now() AND (claimed_until IS NULL OR claimed_until < engine_now())
  ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING id, payload
"""


def _enqueue(queue: str, function: str, *arguments: str) -> None:
    # Never with a job id of ours: a lost job would block every later hint of that id.
    taken = Queue(queue, connection=_redis(), serializer=JSONSerializer)
    with _redis().pipeline() as batch:
        taken.enqueue_call(function, arguments, timeout=600, result_ttl=0, failure_ttl=86400, pipeline=batch)
        batch.execute()


def _publish(topics: tuple[str, ...]) -> None:
    with _redis().pipeline(transaction=False) as batch:
        for topic in topics:
            batch.publish(CHANNEL, json.dumps({"topic": topic}))
        batch.execute()


def _send(send: Callable[[], None]) -> bool:
    """False when Redis did not take it, or is left alone after it did not."""
    global _rest_until
    if time.monotonic() < _rest_until:
        return False
    try:
        send()
    except RedisError as error:
        _rest_until = time.monotonic() + REST_SECONDS
        log.debug("not sent: %s", error)
        return False
    return True
