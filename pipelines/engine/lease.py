"""A worker's right to act on one execution: taken with a new epoch, renewed by a thread, given back or left to lapse.

Only the database's clock decides who holds it. The process's monotonic clock only measures how long the last confirmed
renewal may still be trusted: nothing that changes the world begins on an old one, and a process that cannot renew ends
itself before another may take over.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid

from django.conf import settings
from django.db import Error, connection

log = logging.getLogger(__name__)

#: Who holds a lease: this process. Shown to operators, never used to decide.
OWNER = f"{os.uname().nodename}:{os.getpid()}"
EXIT_LEASE_LOST = 70


class Stale(Exception):
    """Somebody else holds this execution now; whatever this process believes about it is void."""


def lease_seconds() -> float:
    return float(settings.LEASE_SECONDS)


class Lease:
    """One execution held under one epoch. `sent_at` is when the last confirmed renewal was asked for (monotonic)."""

    def __init__(self, execution_id: uuid.UUID, epoch: int, sent_at: float) -> None:
        self.execution_id = execution_id
        self.epoch = epoch
        self.sent_at = sent_at
        #: Steps whose intent this holder wrote: only it may act on them without looking first.
        self.own_intents: set[str] = set()

    def renew(self) -> None:
        """Raises Stale when the execution is no longer ours."""
        sent_at = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(_RENEW, [lease_seconds(), self.execution_id, self.epoch])
            if cursor.rowcount != 1:
                raise Stale(str(self.execution_id))
        self.sent_at = sent_at

    def make_fresh(self) -> None:
        """Before a call that changes the world: what began under this lease must end before it can lapse."""
        if time.monotonic() - self.sent_at > lease_seconds() * 0.1875:  # 1.5 s of 8 s
            self.renew()

    def give_back(self) -> None:
        """Let others go on at once."""
        with connection.cursor() as cursor:
            cursor.execute(_GIVE_BACK, [self.execution_id, self.epoch])


_RENEW = """
UPDATE pipelines_execution SET lease_until = engine_now() + %s * interval '1 second'
WHERE id = %s AND lease_epoch = %s AND lease_until IS NOT NULL
"""

_GIVE_BACK = """
UPDATE pipelines_execution SET lease_until = NULL, due_at = engine_now() WHERE id = %s AND lease_epoch = %s
"""

_CLAIM = """
UPDATE pipelines_execution
SET lease_epoch = lease_epoch + 1, lease_owner = %s, lease_until = engine_now() + %s * interval '1 second',
    crashes = CASE WHEN lease_until IS NULL THEN 0 ELSE crashes + 1 END
WHERE id = (
  SELECT id FROM pipelines_execution
  WHERE id = %s AND status IN ('NOT_STARTED', 'RUNNING') AND attention_reason = ''
    AND (due_at <= engine_now() OR lease_until IS NOT NULL)
    AND (lease_until IS NULL OR lease_until < engine_now())
  FOR UPDATE SKIP LOCKED
)
RETURNING lease_epoch, crashes
"""

#: Holders in a row that vanished without writing anything, after which only a person may try again.
MOST_CRASHES = 5

_FLAG = """
UPDATE pipelines_execution SET lease_until = NULL, attention_reason = %s WHERE id = %s AND lease_epoch = %s
"""


def claim(execution_id: uuid.UUID) -> Lease | None:
    """The lease, or None when it is not due, held by another worker, ended, or waits for an operator.

    Never waits for a row lock: one worker standing still inside a transaction must not hold up those that go on.
    """
    sent_at = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [OWNER, lease_seconds(), execution_id])
        row = cursor.fetchone()
        if row and row[1] > MOST_CRASHES:
            reason = f"{MOST_CRASHES} workers in a row ended while working on it. Look into their logs, then try again."
            cursor.execute(_FLAG, [reason, execution_id, row[0]])
            return None
    return Lease(execution_id, row[0], sent_at) if row else None


class Heartbeat:
    """Renews the leases this process holds, from a thread with a connection of its own."""

    def __init__(self) -> None:
        self._leases: set[Lease] = set()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def hold(self, lease: Lease) -> None:
        with self._guard:
            self._leases.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
                self._thread.start()

    def drop(self, lease: Lease) -> None:
        with self._guard:
            self._leases.discard(lease)

    def _run(self) -> None:
        while True:
            time.sleep(lease_seconds() / 4)
            with self._guard:
                held = list(self._leases)
            for lease in held:
                self._keep(lease)

    def _keep(self, lease: Lease) -> None:
        if time.monotonic() - lease.sent_at < lease_seconds() / 4:
            return
        try:
            lease.renew()
        except Stale:
            self.drop(lease)
        except Error:
            connection.close()
            if time.monotonic() - lease.sent_at > lease_seconds() * 0.75 and lease in self._leases:
                log.critical("lease of execution %s could not be renewed; ending this process", lease.execution_id)
                os._exit(EXIT_LEASE_LOST)


HEARTBEAT = Heartbeat()
