"""Rows to a snapshot, and a decision to rows: one statement a transition, so that it is all or nothing and cheap.

The statement's first part is the fence: the execution's row is updated only when epoch and signal are those the
decision was made under. Everything else hangs on that row having been updated.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils.functional import SimpleLazyObject

from clusters.operations import claims, locks
from clusters.trust.permissions import Actor, actor_of
from pipelines.core.draft import Decision
from pipelines.core.plan import Judgment
from pipelines.core.snapshot import Execution, Phase, Snapshot, Stage, Step, StepStatus
from pipelines.core.status import Status
from pipelines.engine import kin, outbox
from pipelines.engine.directory import Directory
from pipelines.engine.lease import Lease, Stale, lease_seconds
from pipelines.models.ids import to_ulid

CANCELED = Status.CANCELED


class Overtaken(Exception):
    """A person said something meanwhile: decide again from what is stored now."""


@dataclass(frozen=True, slots=True)
class Loaded:
    snapshot: Snapshot
    now: datetime


_EXECUTION = """
SELECT application, status, attempt, signal, started_by, trigger, cancel_requested_at IS NOT NULL, started_at, ended_at,
       message, lease_epoch, acting_user_id, engine_now(), name, pipeline_id
FROM pipelines_execution WHERE id = %s
"""

_STAGES = """
SELECT s.id, s.ref, s.attempt, s.type_key, s.name, s.status, s.position, s.parent_id, s.owner, s.requisites, s.context,
       s.outputs, s.phase, s.failing_as, s.message, s.started_at, s.ended_at, s.is_skip_requested,
       j.answer, j.by, j.at, j.input, j.reason
FROM pipelines_stage s LEFT JOIN pipelines_judgment j ON j.stage_id = s.id
WHERE s.execution_id = %s ORDER BY s.position, s.attempt
"""

_STEPS = """
SELECT t.id, t.stage_id, t.n, t.name, t.kind, t.status, t.token, t.started_at, t.intent, t.lock, t.tries, t.due_at,
       t.wait_key, t.waiting_for, t.message, t.deadline, t.ended_at
FROM pipelines_step t JOIN pipelines_stage s ON s.id = t.stage_id WHERE s.execution_id = %s ORDER BY t.n
"""


def load(lease: Lease) -> Loaded:
    """The execution as it stands. Raises Stale when the lease's epoch is no longer the row's."""
    with connection.cursor() as cursor:
        cursor.execute(_EXECUTION, [lease.execution_id])
        row = cursor.fetchone()
        if row is None or row[10] != lease.epoch:
            raise Stale(str(lease.execution_id))
        cursor.execute(_STAGES, [lease.execution_id])
        stages = newest_attempts(map(_stage, cursor.fetchall()))
        cursor.execute(_STEPS, [lease.execution_id])
        steps = {step.id: step for step in map(_step, cursor.fetchall()) if step.stage_id in stages}
    actor = _actor(row[11], row[4])
    execution = Execution(
        id=to_ulid(lease.execution_id),
        application=row[0],
        status=Status(row[1]),
        attempt=row[2],
        signal=row[3],
        actor=actor,
        trigger=_json(row[5]),
        name=row[13],
        pipeline_id=row[14],
        started_by=row[4],
        directory=Directory(actor),
        is_cancel_requested=row[6],
        started_at=row[7],
        ended_at=row[8],
        message=row[9],
    )
    return Loaded(Snapshot(execution, stages, steps), row[12])


def _actor(user_id: int | None, username: str) -> Any:
    """Asked for only when needed, as most stages never do; made anew with each write, or a drive would go on for a
    minute with roles that are long gone."""
    return SimpleLazyObject(partial(acting, user_id, username))


def acting(user_id: int | None, username: str) -> Actor:
    """Who an execution acts as, with the roles held now: taking a role away stops what was started with it."""
    user = get_user_model().objects.filter(pk=user_id).first() if user_id else None
    return actor_of(user, via="pipeline") if user else Actor(None, username, via="pipeline")


def newest_attempts(stages: Iterable[Stage]) -> dict[str, Stage]:
    """Of each top-level stage the highest attempt, with the children of that attempt."""
    stages = list(stages)
    newest: dict[str, int] = {}
    for stage in stages:
        top = top_ref(stage.ref)
        newest[top] = max(newest.get(top, 0), stage.attempt)
    return {stage.id: stage for stage in stages if stage.attempt == newest[top_ref(stage.ref)]}


def top_ref(ref: str) -> str:
    """ "3<1>2" -> "3": the top-level stage that a child lies under."""
    return re.split("[<>]", ref, maxsplit=1)[0]


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _stage(row: tuple[Any, ...]) -> Stage:
    return Stage(
        id=str(row[0]),
        ref=row[1],
        attempt=row[2],
        type_key=row[3],
        name=row[4],
        status=Status(row[5]),
        position=row[6],
        parent_id=str(row[7]) if row[7] else None,
        owner=row[8],
        requisites=tuple(_json(row[9])),
        context=_json(row[10]),
        outputs=_json(row[11]),
        phase=Phase(row[12]),
        failing_as=Status(row[13]) if row[13] else None,
        message=row[14],
        started_at=row[15],
        ended_at=row[16],
        is_skip_requested=row[17],
        judgment=Judgment(row[18], row[19], row[20], row[21], row[22]) if row[18] else None,
    )


def _step(row: tuple[Any, ...]) -> Step:
    values = [str(row[0]), str(row[1]), *row[2:5], StepStatus(row[5]), *row[6:8], _json(row[8]), *row[9:]]
    return Step(*values)


def _some(columns: Mapping[str, str], names: str) -> dict[str, str]:
    return {name: columns[name] for name in names.split()}


_STAGE_COLUMNS = {
    "id": "uuid",
    "ref": "text",
    "attempt": "int",
    "type_key": "text",
    "name": "text",
    "status": "text",
    "position": "int",
    "parent_id": "uuid",
    "owner": "text",
    "requisites": "jsonb",
    "context": "jsonb",
    "outputs": "jsonb",
    "phase": "text",
    "failing_as": "text",
    "message": "text",
    "started_at": "timestamptz",
    "ended_at": "timestamptz",
}
_STAGE_CHANGES = _some(_STAGE_COLUMNS, "status context outputs phase failing_as message started_at ended_at")
_STEP_COLUMNS = {
    "id": "uuid",
    "stage_id": "uuid",
    "n": "int",
    "name": "text",
    "kind": "text",
    "status": "text",
    "token": "text",
    "intent": "jsonb",
    "lock": "text",
    "tries": "int",
    "started_at": "timestamptz",
    "due_at": "timestamptz",
    "wait_key": "text",
    "waiting_for": "text",
    "message": "text",
    "deadline": "timestamptz",
    "ended_at": "timestamptz",
}
_STEP_CHANGES = _some(_STEP_COLUMNS, "status intent lock tries due_at wait_key waiting_for message ended_at")
_EVENT_COLUMNS = {
    "n": "int",
    "kind": "text",
    "status": "text",
    "ref": "text",
    "attempt": "int",
    "step": "text",
    "message": "text",
}
_EVENT_FIELDS = tuple(_EVENT_COLUMNS)[1:]


def _typed(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def _set(names: Iterable[str]) -> str:
    return ", ".join(f"{name} = r.{name}" for name in names)


def _write_sql() -> str:
    # Built from the constants above; no value from outside is ever part of the text. The ids beside the rows are for
    # the planner: it takes any recordset for a hundred rows, and would read tables of some thousand rows whole for it.
    stage_names, step_names = ", ".join(_STAGE_COLUMNS), ", ".join(_STEP_COLUMNS)
    return f"""
WITH e AS (
  UPDATE pipelines_execution SET
    status = %(status)s, message = %(message)s, started_at = %(started_at)s, ended_at = %(ended_at)s,
    due_at = %(due_at)s, crashes = 0, last_seq = last_seq + %(events_count)s,
    lease_until = CASE WHEN %(release)s THEN NULL ELSE engine_now() + %(lease)s * interval '1 second' END
  WHERE id = %(id)s AND lease_epoch = %(epoch)s AND signal = %(signal)s AND lease_until IS NOT NULL
  RETURNING id, last_seq - %(events_count)s AS seq, engine_now() AS now, acting_user_id, started_by
), changed_stages AS (
  UPDATE pipelines_stage s SET {_set(_STAGE_CHANGES)}
  FROM jsonb_to_recordset(%(changed_stages)s) AS r(id uuid, {_typed(_STAGE_CHANGES)})
  WHERE s.id = r.id AND s.id = ANY(%(stage_ids)s::uuid[]) AND EXISTS (SELECT FROM e)
), new_stages AS (
  INSERT INTO pipelines_stage (execution_id, is_skip_requested, {stage_names})
  SELECT e.id, false, r.* FROM e, jsonb_to_recordset(%(new_stages)s) AS r({_typed(_STAGE_COLUMNS)})
), changed_steps AS (
  UPDATE pipelines_step t SET {_set(_STEP_CHANGES)}
  FROM jsonb_to_recordset(%(changed_steps)s) AS r(id uuid, {_typed(_STEP_CHANGES)})
  WHERE t.id = r.id AND t.id = ANY(%(step_ids)s::uuid[]) AND EXISTS (SELECT FROM e)
), new_steps AS (
  INSERT INTO pipelines_step ({step_names})
  SELECT r.* FROM e, jsonb_to_recordset(%(new_steps)s) AS r({_typed(_STEP_COLUMNS)})
), history AS (
  INSERT INTO pipelines_event (execution_id, seq, at, epoch, kind, status, ref, attempt, step, message, actor)
  SELECT e.id, e.seq + r.n, e.now, %(epoch)s, r.kind, r.status, r.ref, r.attempt, r.step, r.message, ''
  FROM e, jsonb_to_recordset(%(events)s) AS r({_typed(_EVENT_COLUMNS)})
)
SELECT now, acting_user_id, started_by FROM e
"""  # noqa: S608 # nosec B608


_WRITE = _write_sql()


def apply(lease: Lease, decision: Decision) -> Loaded:
    """Write `decision`. The lease is given back when there is nothing to do now, else extended.

    Raises Overtaken when somebody signalled since the snapshot was loaded, Stale when the lease is lost; nothing is
    written then.
    """
    ended, called_off, owners = _ended_effects(decision), _called_off(decision), _ended_claims(decision)
    if not (ended or called_off or owners or _ends_a_child(decision)):
        return _write(lease, decision)
    with transaction.atomic():
        loaded = _write(lease, decision)
        for step in ended:
            locks.release(step.lock, step.token)
            outbox.promise_refresh(step.token, *step.lock.split(":", 2))
        if owners:
            claims.release(owners)
        if called_off:
            kin.cancel(called_off, decision.after.execution)
        if _ends_a_child(decision):
            kin.tell_parent(lease.execution_id)
    return loaded


def _ended_claims(decision: Decision) -> list[str]:
    """Stages that this decision ends and that had a cluster to themselves: it is free again."""
    after = decision.after
    ended = {stage_id for stage_id in decision.changed_stages if after.stages[stage_id].status.is_complete}
    if not ended:
        return []
    return [
        step.stage_id for step in after.steps.values() if step.stage_id in ended and (step.intent or {}).get("claim")
    ]


def _called_off(decision: Decision) -> list[str]:
    """Stages that this decision cancels: what they started is called off with them."""
    return [stage_id for stage_id in decision.changed_stages if decision.after.stages[stage_id].status is CANCELED]


def _ends_a_child(decision: Decision) -> bool:
    execution = decision.after.execution
    return execution.status.is_complete and "parentPipelineStageId" in execution.trigger


def _ended_effects(decision: Decision) -> list[Step]:
    """Effects whose outcome this decision writes: their cluster is free again."""
    steps = (decision.after.steps[step_id] for step_id in decision.changed_steps)
    return [step for step in steps if step.lock and not step.status.is_open]


def _write(lease: Lease, decision: Decision) -> Loaded:
    after = decision.after
    execution = after.execution
    values: dict[str, Any] = {
        "id": lease.execution_id,
        "epoch": lease.epoch,
        "signal": execution.signal,
        "status": execution.status.value,
        "message": execution.message,
        "started_at": execution.started_at,
        "ended_at": execution.ended_at,
        "due_at": decision.due_at,
        "release": decision.perform is None,
        "lease": lease_seconds(),
        "events_count": len(decision.events),
        "stage_ids": list(decision.changed_stages),
        "changed_stages": _rows(after.stages, decision.changed_stages, ("id", *_STAGE_CHANGES)),
        "new_stages": _rows(after.stages, decision.new_stages, _STAGE_COLUMNS),
        "step_ids": list(decision.changed_steps),
        "changed_steps": _rows(after.steps, decision.changed_steps, ("id", *_STEP_CHANGES)),
        "new_steps": _rows(after.steps, decision.new_steps, _STEP_COLUMNS),
        "events": _events(decision),
    }
    sent_at = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)
        row = cursor.fetchone()
        if row is None:
            cursor.execute("SELECT lease_epoch FROM pipelines_execution WHERE id = %s", [lease.execution_id])
            holder = cursor.fetchone()
            raise Overtaken if holder and holder[0] == lease.epoch else Stale(str(lease.execution_id))
    lease.sent_at = sent_at
    now, user_id, username = row
    actor = _actor(user_id, username)
    return Loaded(replace(after, execution=replace(execution, actor=actor, directory=Directory(actor))), now)


def _rows(items: Mapping[str, Any], ids: Iterable[str], columns: Iterable[str]) -> str:
    rows = [{name: getattr(items[item_id], name) for name in columns} for item_id in ids]
    return json.dumps(rows, default=_encode)


def _encode(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} is not JSON")


def _events(decision: Decision) -> str:
    return json.dumps(
        [
            {"n": n} | {name: getattr(event, name) for name in _EVENT_FIELDS}
            for n, event in enumerate(decision.events, start=1)
        ]
    )
