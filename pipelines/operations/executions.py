"""Start, cancel, restart, judge and skip: each checks EXECUTE on the application and leaves one audit row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import Q

from clusters.models import Application
from clusters.operations import claims
from clusters.trust import audit
from clusters.trust.permissions import EXECUTE, Actor, Refused, allows
from pipelines.core import judging
from pipelines.core.definition import Problem
from pipelines.core.plan import Json, StepFailed
from pipelines.core.snapshot import StepStatus
from pipelines.engine import admit, speak
from pipelines.engine.steps import CLAIM
from pipelines.models import Execution, Judgment, Pipeline, Stage, Step
from pipelines.models.ids import from_ulid
from pipelines.operations import admissions
from pipelines.operations.errors import Conflict, InvalidInput
from pipelines.stages import find as find_type

ANSWERS = ("continue", "stop")


@transaction.atomic
def start(
    actor: Actor,
    pipeline: Pipeline,
    *,
    parameters: Mapping[str, Any] | None = None,
    note: str = "",
    trigger: Json | None = None,
    dedupe_key: str | None = None,
    parent_stage: str | None = None,
) -> Execution:
    """A new execution of the pipeline as it is saved now; the same `dedupe_key` gives the same execution.

    `parent_stage` is the id of the stage that waits for it.
    """
    wish = admissions.of_pipeline(actor, pipeline, parameters, trigger, note)
    wish = replace(wish, dedupe_key=dedupe_key, parent_stage=parent_stage)
    execution, is_new = admit.admit(wish)
    if is_new:
        _audit(actor, "start", execution, after={"parameters": wish.trigger["parameters"], "note": note})
    return execution


def start_from_stage(
    actor: Actor,
    pipeline: Pipeline,
    *,
    parameters: Mapping[str, Any],
    trigger: Json,
    dedupe_key: str,
    parent_stage: str,
) -> Execution:
    """The same for a stage (pipelines.stages.parts.runs): what a person would be told it fails with."""
    try:
        return start(
            actor,
            pipeline,
            parameters=parameters,
            trigger=trigger,
            dedupe_key=dedupe_key,
            parent_stage=parent_stage,
        )
    except (Conflict, InvalidInput) as error:
        raise StepFailed(f"{pipeline} was not started: {error}") from error


@transaction.atomic
def run_task(actor: Actor, application: Application, name: str, stages: Sequence[Json], reason: str = "") -> Execution:
    """An execution without a pipeline, for one thing done by hand: same engine, same history."""
    execution, _ = admit.admit(admissions.of_task(actor, application, name, stages, reason))
    _audit(actor, "run task", execution, after={"name": name, "reason": reason})
    return execution


@transaction.atomic
def cancel(actor: Actor, execution: Execution, reason: str = "") -> None:
    """When this returns, no effect begins that was not already written down."""
    execution = _lock(actor, execution)
    speak.cancel(execution, actor.username, reason)
    _audit(actor, "cancel", execution, after={"reason": reason})


@transaction.atomic
def restart_stage(actor: Actor, execution: Execution, ref: str) -> None:
    """Run a stage of an ended execution again, and all that rests on it."""
    execution = _lock(actor, execution)
    stage = speak.newest_stage(execution, ref)
    stage_type = find_type(stage.type_key)
    if stage_type is None or not stage_type.is_restartable:
        raise Conflict(f"A stage of type {stage.type_key} cannot be restarted; run the pipeline again.")
    execution.acting_user_id = actor.user_id  # whoever restarts it needs the rights for what it does now
    speak.restart(execution, stage, actor.username)
    _audit(actor, "restart stage", execution, after={"stage": ref})


@transaction.atomic
def judge(actor: Actor, execution: Execution, ref: str, answer: str, *, input: str = "", reason: str = "") -> Judgment:
    """The first valid answer wins; a later one gets Conflict naming who was first."""
    execution = _lock(actor, execution)
    stage = speak.newest_stage(execution, ref)
    if stage.type_key != "manualJudgment":
        raise Conflict(f"{stage.name} is not a manual judgment.")
    if not may_judge(actor, stage):
        raise Refused(
            f"{stage.name} may only be judged with the roles {', '.join(judging.required_roles(stage.context))}."
        )
    choices = judging.inputs(stage.context)
    if answer not in ANSWERS:
        raise InvalidInput([Problem("judgmentStatus", f"{answer!r} is neither continue nor stop.")])
    if answer == "continue" and choices and input not in choices:
        raise InvalidInput([Problem("judgmentInput", f"Pick one of {', '.join(choices)}.")])
    made = speak.judge(execution, stage, actor.username, answer, input=input, reason=reason)
    _audit(actor, "judge", execution, after={"stage": ref, "answer": answer, "input": input, "reason": reason})
    return made


def may_judge(actor: Actor, stage: Stage) -> bool:
    """True when the actor holds every role the stage asks for. EXECUTE on the application is asked separately."""
    return actor.is_superuser or set(judging.required_roles(stage.context)) <= actor.roles


@transaction.atomic
def skip_wait(actor: Actor, execution: Execution, ref: str) -> None:
    """Go on without the rest of a wait."""
    execution = _lock(actor, execution)
    stage = speak.newest_stage(execution, ref)
    if stage.type_key != "wait":
        raise Conflict(f"{stage.name} is not a wait.")
    speak.skip(execution, stage, actor.username)
    _audit(actor, "skip wait", execution, after={"stage": ref})


@transaction.atomic
def take_over(actor: Actor, execution: Execution, ref: str) -> Execution:
    """Cancel the execution whose deployment a stage at or below `ref` waits for; that execution."""
    _require_execute(actor, execution)
    key = waits_for_claim(execution, ref)
    held = claims.holder(key) if key else None
    if held is None or held.execution_id == execution.ulid:
        raise Conflict(f"{execution} does not wait for another deployment.")
    other = Execution.objects.get(pk=from_ulid(held.execution_id))
    cancel(actor, other, f"{execution} takes over.")
    _audit(actor, "take over", execution, after={"stage": ref, "from": other.ulid})
    return other


def waits_for_claim(execution: Execution, ref: str) -> str:
    """The key of the claim that a stage at or below `ref` waits for; "" when none does."""
    waiting = Step.objects.filter(
        Q(stage__ref=ref) | Q(stage__ref__startswith=f"{ref}<") | Q(stage__ref__startswith=f"{ref}>"),
        stage__execution=execution,
        status=StepStatus.RUNNING,
        wait_key__startswith=f"{CLAIM}:",
    )
    return "".join(waiting.values_list("wait_key", flat=True)[:1]).partition(":")[2]


@transaction.atomic
def try_again(actor: Actor, execution: Execution) -> None:
    """Let workers take up an execution again on which several ended in a row."""
    execution = _lock(actor, execution)
    speak.try_again(execution, actor.username)
    _audit(actor, "try again", execution)


def may_execute(actor: Actor, application_name: str) -> bool:
    application = Application.objects.filter(name=application_name).first()
    return actor.is_superuser if application is None else allows(actor, EXECUTE, application)


def _lock(actor: Actor, execution: Execution) -> Execution:
    _require_execute(actor, execution)
    return speak.lock(execution.pk)


def _require_execute(actor: Actor, execution: Execution) -> None:
    if not may_execute(actor, execution.application):
        raise Refused(f"{actor.username} lacks EXECUTE on application {execution.application}.")


def _audit(actor: Actor, action: str, execution: Execution, after: Json | None = None) -> None:
    audit.record(actor, action, execution, after=after, application=execution.application, execution_id=execution.ulid)
