"""Executions that stages started: called off with the stage, and their end told to it; and what stands above a stage.

Locks go from the parent down: a parent is woken in a transaction of its own, after its child's end is committed. Losing
that wake costs time, never work: the waiting step looks again by itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.db import connection, transaction

from clusters.trust import audit
from clusters.trust.permissions import Actor
from pipelines.core.snapshot import Execution
from pipelines.engine import outbox
from pipelines.models.ids import to_ulid

#: Who calls off what a cancelled stage had started.
PARENT = "parent pipeline"

_CANCEL = """
WITH e AS (
  UPDATE pipelines_execution SET cancel_requested_at = engine_now(), cancelled_by = %(by)s, cancel_reason = %(why)s,
    attention_reason = '', signal = signal + 1, last_seq = last_seq + 1, due_at = engine_now()
  WHERE parent_stage = ANY(%(stages)s::uuid[]) AND status IN ('NOT_STARTED', 'RUNNING', 'PAUSED')
    AND cancel_requested_at IS NULL
  RETURNING id, application, name, number, status, attempt, last_seq
), history AS (
  INSERT INTO pipelines_event (execution_id, seq, at, epoch, kind, status, ref, attempt, step, message, actor)
  SELECT id, last_seq, engine_now(), 0, 'cancel', status, '', attempt, '', %(why)s, %(by)s FROM e
)
SELECT id, application, name, number FROM e
"""

_WAKE = """
WITH e AS (
  UPDATE pipelines_execution SET signal = signal + 1, due_at = engine_now()
  WHERE status = 'RUNNING' AND id = (
    SELECT s.execution_id FROM pipelines_execution child JOIN pipelines_stage s ON s.id = child.parent_stage
    WHERE child.id = %(child)s
  ) RETURNING id
), looked_at AS (
  UPDATE pipelines_step t SET due_at = engine_now()
  FROM e, pipelines_execution child
  WHERE child.id = %(child)s AND t.stage_id = child.parent_stage AND t.status = 'RUNNING'
)
SELECT id FROM e
"""

_ABOVE = """
WITH RECURSIVE above AS (
  SELECT id, parent_id, execution_id FROM pipelines_stage WHERE id = %(stage)s
  UNION
  SELECT s.id, s.parent_id, s.execution_id
  FROM above JOIN pipelines_execution e ON e.id = above.execution_id
  JOIN pipelines_stage s ON s.id = COALESCE(above.parent_id, e.parent_stage)
)
SELECT id FROM above WHERE id <> %(stage)s
"""


def above(stage_id: str) -> set[str]:
    """Ids of the stages that a stage is a child of, that started its execution, and so on up."""
    with connection.cursor() as cursor:
        cursor.execute(_ABOVE, {"stage": stage_id})
        return {str(row[0]) for row in cursor.fetchall()}


def cancel(stages: Collection[str], parent: Execution) -> None:
    """In the transaction that cancels `stages` of `parent`: cancel what they started and what has not ended."""
    why = f"A stage of {parent.application} that waited for it was cancelled."
    with connection.cursor() as cursor:
        cursor.execute(_CANCEL, {"stages": list(stages), "by": PARENT, "why": why})
        called_off = cursor.fetchall()
    for execution_id, application, name, number in called_off:
        ulid = to_ulid(execution_id)
        actor = Actor(None, PARENT, via="pipeline")
        target = "execution", f"{name} #{number}"
        audit.record(actor, "cancel", target, after={"reason": why}, application=application, execution_id=ulid)
        outbox.hint(execution_id)
        outbox.publish(f"execution:{ulid}", f"app:{application}")


def tell_parent(child_id: uuid.UUID) -> None:
    """Once this transaction is committed: have the stage that started the execution look at it."""
    transaction.on_commit(lambda: _wake(child_id))


def _wake(child_id: uuid.UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_WAKE, {"child": child_id})
        row = cursor.fetchone()
    if row is not None:
        outbox.hint(row[0])
