"""Follows executions from outside: judges when asked to, and notes how long one stood still after a fault."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, connection

from clusters.trust.permissions import actor_named
from pipelines.models import Execution
from pipelines.operations import judge

#: Longest a run may take, seconds.
PATIENCE = 40.0
PAUSE = 0.05

_LOOK = """
SELECT e.status NOT IN ('NOT_STARTED', 'RUNNING', 'PAUSED'), e.lease_epoch, e.last_seq,
       CASE WHEN e.lease_until IS NULL THEN extract(epoch FROM e.due_at - engine_now()) ELSE 0 END,
       (SELECT s.ref FROM pipelines_step t JOIN pipelines_stage s ON s.id = t.stage_id
        WHERE s.execution_id = e.id AND t.status = 'RUNNING' AND t.wait_key LIKE 'judgment:%%' AND t.due_at IS NULL)
FROM pipelines_execution e WHERE e.id = %s
"""


@dataclass(frozen=True, slots=True)
class Look:
    is_complete: bool
    epoch: int
    last_seq: int
    #: Seconds until a worker has to do something; 0 when one should be at it, None when only a person can go on.
    due_in: float | None
    judgment: str | None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something happened to the worker; the next one has to go on from `due_at`."""

    at: float
    due_at: float
    epoch: int
    is_complete: bool


class Watch:
    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        #: By epoch: how much of the history was written when it was first seen. The rest is not for older epochs.
        self.fences: dict[int, int] = {}
        self._judged_at = 0.0

    def look(self) -> Look:
        """Where it stood; it has been judged since if it waited for that."""
        with connection.cursor() as cursor:
            cursor.execute(_LOOK, [self.execution.pk])
            seen = Look(*cursor.fetchone())
        self.fences.setdefault(seen.epoch, seen.last_seq)
        if seen.judgment:
            judge(actor_named("ada", via="ui"), self.execution, seen.judgment, "continue")
            self._judged_at = time.monotonic()
        return seen

    def until(self, holds: Callable[[Look], bool]) -> Look:
        deadline = time.monotonic() + PATIENCE
        while not holds(seen := self.look()):
            assert time.monotonic() < deadline, f"still {seen} after {PATIENCE} s"
            time.sleep(PAUSE)
        return seen

    def fault(self) -> Fault:
        """One that happened just now, with no other worker there yet."""
        now, seen = time.monotonic(), self.look()
        return Fault(now, now + max(0.0, float(seen.due_in or 0)), seen.epoch, seen.is_complete)

    def recovery(self, fault: Fault, is_running: Callable[[], bool]) -> list[float]:
        """Seconds until the next worker's first write; none when that worker was gone before, or nothing was left."""
        if fault.is_complete:
            return []
        seen = self.until(lambda seen: seen.epoch > fault.epoch or not is_running())
        due_at = self._judged_at if self._judged_at >= fault.at else fault.due_at
        return [max(0.0, time.monotonic() - due_at)] if seen.epoch > fault.epoch else []


def follow(watches: Sequence[Watch], meanwhile: Callable[[], object] = lambda: None) -> None:
    """All to their ends, also through restarts of the database."""
    deadline = time.monotonic() + PATIENCE
    while [watch for watch in watches if not _is_over(watch)]:  # looks at each, since each may wait for a judgment
        assert time.monotonic() < deadline, f"not all over after {PATIENCE} s"
        meanwhile()
        time.sleep(PAUSE)


def _is_over(watch: Watch) -> bool:
    try:
        return watch.look().is_complete
    except (OperationalError, InterfaceError):
        connection.close()
        return False
