"""The only inserter of executions: freezes the definition, numbers the run, and lets the same event in only once.

People and triggers wait for a start, so all rows of an execution go in one statement.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, models, transaction

from clusters.trust.permissions import Actor
from pipelines.core.definition import PipelineSpec
from pipelines.core.plan import Json
from pipelines.engine import outbox
from pipelines.models import Execution, Pipeline, Stage
from pipelines.models.ids import uuid7


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
        last_seq=1,
    )
    if not _insert(execution, _stages(execution.id, admission.spec)):
        return Execution.objects.get(dedupe_key=admission.dedupe_key), False
    outbox.hint(execution.id)
    outbox.publish(f"app:{execution.application}")
    return execution, True


def _insert(execution: Execution, stages: list[Stage]) -> bool:
    """False when another transaction has just taken the dedupe key (waits for it to commit)."""
    rows = {"execution": _json(_row(execution)), "stages": _json([*map(_row, stages)])}
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, {"pipeline": execution.pipeline_id, **rows})
        given = cursor.fetchone()
    if given is None:
        return False
    execution.number, execution.created_at = given
    execution.due_at = execution.created_at
    execution._state.adding = False
    return True


def _row(instance: models.Model) -> Json:
    return {str(field.column): getattr(instance, field.attname) for field in instance._meta.concrete_fields}


def _json(rows: Any) -> str:
    return json.dumps(rows, default=_encode)


def _encode(value: Any) -> str:
    if isinstance(value, uuid.UUID | datetime):
        return str(value)
    raise TypeError(f"{value!r} is not JSON")


# The pipeline's row lock puts its starts in order; number and instant are taken under it. A JSON object becomes a row
# by the names of the table's columns, whichever the table has.
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
    %(execution)s::jsonb || jsonb_build_object('number', number, 'created_at', now, 'due_at', now)
  ) AS r
  ON CONFLICT (dedupe_key) DO NOTHING RETURNING id, number, created_at, status, started_by
), new_stages AS (
  INSERT INTO pipelines_stage
  SELECT r.* FROM e, jsonb_populate_recordset(NULL::pipelines_stage, %(stages)s) AS r
)
INSERT INTO pipelines_event (execution_id, seq, at, epoch, kind, status, ref, attempt, step, message, actor)
SELECT id, 1, created_at, 0, 'execution', status, '', 1, '', '', started_by FROM e
RETURNING (SELECT number FROM e), at
"""


def _stages(execution_id: uuid.UUID, spec: PipelineSpec) -> list[Stage]:
    return [
        Stage(
            id=uuid7(),
            execution_id=execution_id,
            ref=stage.ref,
            type_key=stage.type_key,
            name=stage.name,
            position=position,
            requisites=list(stage.requisites),
            context=stage.context,
        )
        for position, stage in enumerate(spec.stages)
    ]
