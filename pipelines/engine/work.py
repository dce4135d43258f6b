"""Long work, done by workers of its own: claimed under a lease, renewed while it runs, ended in one transaction.

The end of the work wakes the step that waits for it (models.work.wait_key). Work that nobody wants any more stops: its
stage is no longer running, or its execution was cancelled. It is begun once: what a vanished worker had begun is found
out by the next one, never done again.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import Error, connection, transaction

from clusters.trust.crashpoints import crashpoint
from pipelines.engine import outbox
from pipelines.engine.drive import STOPPING
from pipelines.engine.lease import OWNER, lease_seconds
from pipelines.models import Execution
from pipelines.models.ids import to_ulid
from pipelines.models.work import WorkStatus, wait_key
from pipelines.work import KINDS
from pipelines.work.base import STOP_SECONDS, Desk, Ended

log = logging.getLogger(__name__)

#: Pieces of work that one worker process does at a time.
AT_ONCE = 4
#: Longest pause between two looks for work, seconds; a hint shortens it.
LONGEST_SLEEP = 1.0
#: Between two renewals, which also write the log and tell whether the work is still wanted.
TEND_SECONDS = 0.5
#: How long the end of a piece of work is tried to be written down.
PATIENCE_SECONDS = 60.0

LOST = "The worker that ran it ended in the middle, so it may have been done in part. It is not done again by itself."

_woken = threading.Event()


def nudge() -> None:
    """There may be something to do: look now."""
    _woken.set()


@dataclass(frozen=True, slots=True)
class Claimed:
    """A piece of work held under `epoch`. `was_begun`: by a worker that is gone."""

    id: uuid.UUID
    epoch: int
    kind: str
    token: str
    request: dict[str, Any]
    execution_id: uuid.UUID
    was_begun: bool


_CLAIM = """
WITH picked AS (
  SELECT w.id, w.status, s.execution_id FROM pipelines_work w JOIN pipelines_stage s ON s.id = w.stage_id
  WHERE w.status = 'QUEUED' OR (w.status = 'RUNNING' AND w.lease_until < engine_now())
  ORDER BY w.created_at LIMIT 1 FOR UPDATE OF w SKIP LOCKED
)
UPDATE pipelines_work w
SET status = 'RUNNING', lease_epoch = w.lease_epoch + 1, lease_owner = %s,
    lease_until = engine_now() + %s * interval '1 second', started_at = coalesce(w.started_at, engine_now())
FROM picked WHERE w.id = picked.id
RETURNING w.id, w.lease_epoch, w.kind, w.token, w.request::text, picked.execution_id, picked.status = 'RUNNING'
"""

# Whether anybody still wants it is asked in the same statement.
_RENEW = """
UPDATE pipelines_work w
SET lease_until = engine_now() + %(lease)s * interval '1 second',
    log = coalesce(%(log)s, log), log_cut = coalesce(%(cut)s, log_cut)
FROM pipelines_stage s JOIN pipelines_execution e ON e.id = s.execution_id
WHERE w.id = %(id)s AND w.lease_epoch = %(epoch)s AND w.status = 'RUNNING' AND s.id = w.stage_id
RETURNING e.cancel_requested_at IS NULL AND (w.outlives_stage OR s.status = 'RUNNING')
"""

_END = """
UPDATE pipelines_work SET status = %(status)s, message = %(message)s, result = %(result)s::jsonb,
  log = coalesce(%(log)s, log), log_cut = coalesce(%(cut)s, log_cut), ended_at = engine_now(), lease_until = NULL
WHERE id = %(id)s AND lease_epoch = %(epoch)s AND status = 'RUNNING'
"""

_WAKE_STEP = "UPDATE pipelines_step SET due_at = engine_now() WHERE wait_key = %s AND ended_at IS NULL"

# The signal voids a decision that rests on the work as it was.
_WAKE_EXECUTION = """
UPDATE pipelines_execution SET signal = signal + 1, due_at = engine_now()
WHERE id = %s AND status IN ('NOT_STARTED', 'RUNNING', 'PAUSED')
"""


def claim() -> Claimed | None:
    """The oldest piece of work that nobody holds, or None."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [OWNER, lease_seconds()])
        row = cursor.fetchone()
    if row is None:
        return None
    work_id, epoch, kind, token, request, execution_id, was_begun = row
    return Claimed(work_id, epoch, kind, token, json.loads(request), execution_id, was_begun)


def carry_out(claimed: Claimed) -> None:
    """To its end, however that comes; returns when the end is written down or somebody else holds it."""
    crashpoint("work:claimed")
    _Tending(claimed).run()


class _Tending:
    """Runs one piece of work in a thread and keeps its lease from this one."""

    def __init__(self, claimed: Claimed) -> None:
        self._claimed = claimed
        self._desk = Desk()
        self._renewed_at = time.monotonic()
        self._ended: Ended | None = None
        #: Why it was stopped: the status and the sentence it ends with.
        self._stopped: tuple[WorkStatus, str] | None = None

    def run(self) -> None:
        if self._renew():
            thread = threading.Thread(target=self._work, name=f"work {self._claimed.token}", daemon=True)
            thread.start()
            while thread.is_alive() and self._stopped is None:
                thread.join(TEND_SECONDS)
                self._tend()
            thread.join(STOP_SECONDS + 1)
        self._write_end()

    def _work(self) -> None:
        kind = KINDS.get(self._claimed.kind)
        try:
            if kind is None:
                self._ended = Ended(False, f"There is no kind of work {self._claimed.kind!r} here.")
            elif self._claimed.was_begun:
                self._ended = kind.after_loss(self._claimed.request)
            else:
                self._ended = kind.run(self._claimed.request, self._desk)
        except Exception:
            log.exception("work %s broke", self._claimed.token)
            self._ended = Ended(False, f"It broke by a fault of this program; see the log for {self._claimed.token}.")
        finally:
            connection.close()

    def _tend(self) -> None:
        if STOPPING.is_set():
            self._stop(WorkStatus.FAILED, "Its worker was asked to end, so it was ended in the middle.")
        elif not self._renew():
            return

    def _renew(self) -> bool:
        """Whether to go on. Also writes down what was printed since."""
        sent_at, news = time.monotonic(), self._desk.news()
        shown, cut = news or (None, None)
        values = self._key | {"lease": lease_seconds(), "log": shown, "cut": cut}
        try:
            with connection.cursor() as cursor:
                cursor.execute(_RENEW, values)
                row = cursor.fetchone()
        except Error as error:
            log.warning("work %s cannot be renewed: %s", self._claimed.token, error)
            connection.close()
            self._desk.again()
            if time.monotonic() - self._renewed_at > lease_seconds() * 0.75:
                self._stop(WorkStatus.FAILED, "The database was away for too long while it ran, so it was ended.")
            return self._stopped is None
        self._renewed_at = sent_at
        if row is None:
            self._stop(WorkStatus.FAILED, "")  # somebody else holds it, and writes its end
        elif not row[0]:
            self._stop(WorkStatus.CANCELED, "Nobody waited for it any more, so it was ended.")
        return self._stopped is None

    def _stop(self, status: WorkStatus, message: str) -> None:
        self._stopped = self._stopped or (status, message)
        self._desk.stopping.set()

    def _write_end(self) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        status, message, result = self._verdict()
        shown, cut = self._desk.news() or (None, None)
        values = self._key | {"status": status, "message": message, "result": json.dumps(result), "log": shown}
        while True:
            try:
                _end(self._claimed, values | {"cut": cut})
                return
            except Error as error:
                log.warning("the end of work %s cannot be written down: %s", self._claimed.token, error)
                connection.close()
                if time.monotonic() > until:
                    return
                STOPPING.wait(TEND_SECONDS)

    def _verdict(self) -> tuple[WorkStatus, str, dict[str, Any]]:
        if self._ended and self._ended.is_success:  # it came to its end before it heard of anything
            return WorkStatus.SUCCEEDED, self._ended.message, self._ended.result
        if self._stopped:
            return *self._stopped, {}
        ended = self._ended or Ended(False, "It did not stop when asked to.")
        return WorkStatus.FAILED, ended.message, ended.result

    @property
    def _key(self) -> dict[str, Any]:
        return {"id": self._claimed.id, "epoch": self._claimed.epoch}


def _end(claimed: Claimed, values: dict[str, Any]) -> None:
    """The execution's row comes first, as in every decision, so that the two cannot wait for each other."""
    crashpoint("work:ended")
    with transaction.atomic(), connection.cursor() as cursor:
        Execution.objects.select_for_update().only("id").get(pk=claimed.execution_id)
        cursor.execute(_END, values)
        if cursor.rowcount == 1:
            cursor.execute(_WAKE_STEP, [wait_key(claimed.token)])
            cursor.execute(_WAKE_EXECUTION, [claimed.execution_id])
            outbox.hint(claimed.execution_id)
            outbox.publish(f"execution:{to_ulid(claimed.execution_id)}")


def run() -> None:
    """Take up work until STOPPING is set, at most AT_ONCE pieces at a time; then wait for those under way to stop."""
    busy: list[threading.Thread] = []
    while not STOPPING.is_set():
        busy = [thread for thread in busy if thread.is_alive()]
        claimed = _next() if len(busy) < AT_ONCE else None
        if claimed is None:
            _woken.wait(LONGEST_SLEEP)
            _woken.clear()
            continue
        thread = threading.Thread(target=_serve, args=(claimed,), name=f"tend {claimed.token}")
        thread.start()
        busy.append(thread)
    for thread in busy:
        thread.join()
    connection.close()


def _next() -> Claimed | None:
    try:
        return claim()
    except Error as error:
        log.warning("the database does not answer: %s", error)
        connection.close()
        return None


def _serve(claimed: Claimed) -> None:
    try:
        carry_out(claimed)
    finally:
        connection.close()
        nudge()
