"""The only inserter of executions: freezes the definition, numbers the run, and lets the same event in only once.

People and triggers wait for a start, so it is two statements: the execution, and its first transition.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from clusters.trust.permissions import Actor
from pipelines.core import snapshot
from pipelines.core.decide import decide
from pipelines.core.definition import PipelineSpec
from pipelines.core.plan import Json
from pipelines.core.snapshot import Snapshot
from pipelines.core.status import Status
from pipelines.engine import outbox, store
from pipelines.engine.directory import Directory
from pipelines.engine.lease import Lease
from pipelines.models import Execution, Pipeline
from pipelines.models.ids import uuid7
from pipelines.stages import find as find_type


@dataclass(frozen=True, slots=True)
class Admission:
    """What to run, for whom. Without `pipeline` it is an ad-hoc execution (a task)."""

    application: str
    spec: PipelineSpec
    document: Json
    actor: Actor
    pipeline: Pipeline | None = None
    trigger: Json = field(default_factory=dict)
    dedupe_key: str | None = None
    #: Id of the stage that starts it.
    parent_stage: str | None = None

    def as_snapshot(self, execution_id: str) -> Snapshot:
        """The execution before anything has happened, under new ids of stages."""
        stages = [
            snapshot.Stage(
                str(uuid7()),
                stage.ref,
                1,
                stage.type_key,
                stage.name,
                position=position,
                requisites=tuple(stage.requisites),
                context=stage.context,
            )
            for position, stage in enumerate(self.spec.stages)
        ]
        execution = snapshot.Execution(
            execution_id,
            self.application,
            Status.NOT_STARTED,
            actor=self.actor,
            trigger=self.trigger,
            name=self.spec.name,
            pipeline_id=self.pipeline.pk if self.pipeline else None,
            started_by=self.actor.username,
            directory=Directory(self.actor),
        )
        return Snapshot(execution, {stage.id: stage for stage in stages})


def engine_now() -> datetime:
    """The database's instant: the only clock executions know."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT engine_now()")
        now: datetime = cursor.fetchone()[0]
    return now


@transaction.atomic(savepoint=False)
def admit(admission: Admission) -> tuple[Execution, bool]:
    """(execution, True when it is new). The same dedupe key gives the same execution, also when both arrive at once."""
    if admission.dedupe_key and (known := Execution.objects.filter(dedupe_key=admission.dedupe_key).first()):
        return known, False
    execution = Execution(
        application=admission.application,
        pipeline=admission.pipeline,
        name=admission.spec.name,
        spec=admission.document,
        spec_version=admission.pipeline.version if admission.pipeline else 0,
        trigger=admission.trigger,
        dedupe_key=admission.dedupe_key,
        acting_user_id=admission.actor.user_id,
        started_by=admission.actor.username,
        parent_stage=uuid.UUID(admission.parent_stage) if admission.parent_stage else None,
        last_seq=1,
    )
    if not _insert(execution):
        return Execution.objects.get(dedupe_key=admission.dedupe_key), False
    _begin(execution, admission)
    outbox.hint(execution.id)
    outbox.publish(f"app:{execution.application}")
    return execution, True


def _insert(execution: Execution) -> bool:
    """False when another transaction has just taken the dedupe key (waits for it to commit)."""
    row = {str(field.column): getattr(execution, field.attname) for field in execution._meta.concrete_fields}
    with connection.cursor() as cursor:
        values = {"pipeline": execution.pipeline_id, "execution": json.dumps(row, default=_encode)}
        cursor.execute(_INSERT, values)
        given = cursor.fetchone()
    if given is None:
        return False
    execution.number, execution.created_at = given
    execution._state.adding = False
    return True


def _encode(value: Any) -> str:
    if isinstance(value, uuid.UUID | datetime):
        return str(value)
    raise TypeError(f"{value!r} is not JSON")


# The pipeline's row lock puts its starts in order; number and instant are taken under it. A JSON object becomes a row
# by the names of the table's columns, whichever the table has. It is leased under epoch 0 until the transaction ends.
_INSERT = """
WITH numbered AS (
  UPDATE pipelines_pipeline SET last_number = last_number + 1 WHERE id = %(pipeline)s
  RETURNING last_number AS number, engine_now() AS now
), given AS (
  SELECT number, now FROM numbered UNION ALL SELECT 0, engine_now() WHERE %(pipeline)s::text IS NULL
), e AS (
  INSERT INTO pipelines_execution
  SELECT r.* FROM given, jsonb_populate_record(
    NULL::pipelines_execution,
    %(execution)s::jsonb || jsonb_build_object('number', number, 'created_at', now, 'lease_until', now)
  ) AS r
  ON CONFLICT (dedupe_key) DO NOTHING RETURNING id, number, created_at, status, started_by
)
INSERT INTO pipelines_event (execution_id, seq, at, epoch, kind, status, ref, attempt, step, message, actor)
SELECT id, 1, created_at, 0, 'execution', status, '', 1, '', '', started_by FROM e
RETURNING (SELECT number FROM e), at
"""


def _begin(execution: Execution, admission: Admission) -> None:
    """Decide and write what needs no look at the world: who starts an execution sees its first stages run."""
    decision = decide(admission.as_snapshot(execution.ulid), execution.created_at, find_type)
    if decision.perform:
        decision = decision.put_off()
    written = replace(decision, new_stages=frozenset(decision.after.stages), changed_stages=frozenset())
    store.apply(Lease(execution.id, 0, time.monotonic()), written)
    after = decision.after.execution
    execution.status, execution.message = after.status, after.message
    execution.started_at, execution.ended_at, execution.due_at = after.started_at, after.ended_at, decision.due_at
    execution.last_seq += len(decision.events)
