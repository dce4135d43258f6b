"""What people say to an execution: cancel, judge, skip, restart. Each takes the execution's row lock first.

Holding that lock puts them in order with every decision of a worker; raising `signal` voids the one being made.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from pipelines.core.graph import downstream
from pipelines.core.snapshot import StepStatus
from pipelines.core.status import Status
from pipelines.engine import outbox
from pipelines.engine.admit import engine_now
from pipelines.engine.store import top_ref
from pipelines.models import Event, Execution, Judgment, Stage, Step
from pipelines.models.ids import uuid7


class Conflict(Exception):
    """It cannot be done to the execution as it stands; the message says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def lock(execution_id: uuid.UUID) -> Execution:
    """The execution's row, locked for this transaction."""
    return Execution.objects.select_for_update().get(pk=execution_id)


def newest_stage(execution: Execution, ref: str) -> Stage:
    """Raises Conflict when the execution has no such stage."""
    stage = execution.stages.filter(ref=ref).order_by("-attempt").first()
    if stage is None:
        raise Conflict(f"{execution} has no stage {ref}.")
    return stage


def cancel(execution: Execution, by: str, reason: str) -> None:
    """From here on no effect begins whose intent is not already written. Raises Conflict when it has ended."""
    if execution.is_complete:
        raise Conflict(f"{execution} has already ended: {execution.look.word.lower()}.")
    if execution.cancel_requested_at is None:
        execution.cancel_requested_at = engine_now()
        execution.cancelled_by = by
        execution.cancel_reason = reason
        execution.attention_reason = ""
        _wake(execution, "cancel", by, message=reason)


def judge(execution: Execution, stage: Stage, by: str, answer: str, *, input: str = "", reason: str = "") -> Judgment:
    """Raises Conflict when the stage does not wait for a judgment, or naming who was first."""
    if stage.status != Status.RUNNING or execution.is_complete or execution.cancel_requested_at:
        raise Conflict(f"{stage.name} does not wait for a judgment: {stage.look.word.lower()}.")
    try:
        with transaction.atomic():
            made = Judgment.objects.create(
                stage=stage, answer=answer, by=by, at=engine_now(), input=input, reason=reason
            )
    except IntegrityError:
        first = Judgment.objects.get(stage=stage)
        word = "go on" if first.answer == "continue" else "stop"
        raise Conflict(f"{first.by} has already judged: {word}.") from None
    Step.objects.filter(stage=stage, wait_key=f"judgment:{stage.pk}").update(due_at=made.at)
    _wake(execution, "judgment", by, stage, message=f"{answer}: {reason}" if reason else answer)
    return made


def skip(execution: Execution, stage: Stage, by: str) -> None:
    """Raises Conflict when the stage is not waiting."""
    if stage.status != Status.RUNNING or execution.is_complete:
        raise Conflict(f"{stage.name} is not waiting: {stage.look.word.lower()}.")
    Stage.objects.filter(pk=stage.pk).update(is_skip_requested=True)
    Step.objects.filter(stage=stage, status=StepStatus.RUNNING).update(due_at=engine_now())
    _wake(execution, "skip", by, stage)


def restart(execution: Execution, stage: Stage, by: str) -> None:
    """A new attempt of a top-level stage and all that rests on it. Raises Conflict unless the execution has ended."""
    if not execution.is_complete:
        raise Conflict(f"{execution} is still {execution.look.word.lower()}: cancel it first, or wait for its end.")
    tops = _newest_tops(execution)
    if stage.ref not in tops:
        raise Conflict(f"{stage.name} is a part of stage {top_ref(stage.ref)}; restart that one.")
    again = [stage.ref, *downstream([stage.ref], {ref: top.requisites for ref, top in tops.items()})]
    stopped = [ref for ref, top in tops.items() if ref not in again and top.status in _NEVER_RAN]
    Stage.objects.bulk_create(_next_attempt(tops[ref]) for ref in dict.fromkeys([*again, *stopped]))
    execution.status = Status.RUNNING
    execution.attempt += 1
    execution.message = execution.attention_reason = execution.cancel_reason = execution.cancelled_by = ""
    execution.ended_at = execution.cancel_requested_at = None
    _wake(execution, "restart", by, stage)


#: Branches that the failure of another cut short: they get their chance again with the restart.
_NEVER_RAN = (Status.NOT_STARTED, Status.CANCELED)


def _newest_tops(execution: Execution) -> dict[str, Stage]:
    tops = execution.stages.filter(parent=None).order_by("attempt")
    return {stage.ref: stage for stage in sorted(tops, key=lambda stage: (stage.attempt, stage.position))}


def _next_attempt(stage: Stage) -> Stage:
    spec = next(item for item in stage.execution.spec["stages"] if str(item.get("refId")) == stage.ref)
    return Stage(
        id=uuid7(),
        execution_id=stage.execution_id,
        ref=stage.ref,
        attempt=stage.attempt + 1,
        type_key=stage.type_key,
        name=stage.name,
        position=stage.position,
        requisites=stage.requisites,
        context=spec,
    )


def try_again(execution: Execution, by: str) -> None:
    """Take an execution up again that workers ended on. Raises Conflict when it does not wait for that."""
    if not execution.attention_reason:
        raise Conflict(f"{execution} does not wait for an operator.")
    execution.attention_reason = ""
    execution.crashes = 0
    _wake(execution, "attention", by)


def _wake(execution: Execution, kind: str, by: str, stage: Stage | None = None, **event: Any) -> None:
    """Write what was said, void the decision being made, and have the execution looked at now."""
    now = engine_now()
    execution.signal = F("signal") + 1
    execution.last_seq += 1
    execution.due_at = now
    execution.save()
    Event.objects.create(
        execution=execution,
        seq=execution.last_seq,
        at=now,
        epoch=0,
        kind=kind,
        status=execution.status,
        ref=stage.ref if stage else "",
        attempt=stage.attempt if stage else execution.attempt,
        actor=by,
        **event,
    )
    outbox.hint(execution.pk)
    outbox.publish(f"execution:{execution.ulid}", f"app:{execution.application}")
