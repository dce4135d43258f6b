"""Our rows as Gate shows them: ULIDs, instants in milliseconds since 1970, Spinnaker's names. Secrets are masked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from clusters.models import Application
from clusters.trust.redaction import masked
from pipelines.core.snapshot import StepStatus
from pipelines.core.status import Status
from pipelines.models import Execution, Pipeline, Stage, Step
from pipelines.models.ids import to_ulid

Json = dict[str, Any]

_OWNERS = {"before": "STAGE_BEFORE", "after": "STAGE_AFTER", "failure": "STAGE_AFTER"}
_TASKS = {
    StepStatus.PENDING: Status.NOT_STARTED,
    StepStatus.RUNNING: Status.RUNNING,
    StepStatus.INTENT: Status.RUNNING,
    StepStatus.STOPPING: Status.RUNNING,
    StepStatus.DONE: Status.SUCCEEDED,
    StepStatus.FAILED: Status.TERMINAL,
    StepStatus.SKIPPED: Status.SKIPPED,
    StepStatus.CANCELED: Status.CANCELED,
}


def epoch_ms(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


def application(one: Application) -> Json:
    """`one` with its traffic guards prefetched."""
    guards = [guard.value.as_json() for guard in one.traffic_guards.all()]
    return {
        "name": one.name.lower(),
        "email": one.owner_email,
        "description": one.description,
        "trafficGuards": guards,
    }


def pipeline_config(one: Pipeline) -> Json:
    """The document as it was saved, unknown keys and all, with what the server knows better."""
    document: Json = one.document
    return document | {
        "id": one.pk,
        "name": one.name,
        "application": one.application.name,
        "index": one.position,
        "disabled": one.is_disabled,
        "updateTs": str(epoch_ms(one.updated_at)),
        "lastModifiedBy": one.updated_by,
    }


def execution(one: Execution, stages: Iterable[Stage], steps: dict[Any, list[Step]]) -> Json:
    trigger = masked(one.trigger)
    return {
        "id": one.ulid,
        "type": "PIPELINE" if one.pipeline_id else "ORCHESTRATION",
        "application": one.application,
        "name": one.name,
        "pipelineConfigId": one.pipeline_id,
        "status": one.status,
        "buildTime": epoch_ms(one.created_at),
        "startTime": epoch_ms(one.started_at),
        "endTime": epoch_ms(one.ended_at),
        "canceled": one.cancel_requested_at is not None,
        "canceledBy": one.cancelled_by or None,
        "cancellationReason": one.cancel_reason or None,
        "origin": "api",
        "authentication": {"user": one.started_by, "allowedAccounts": []},
        "trigger": {"user": one.started_by, "artifacts": [], "notifications": [], **trigger},
        "notifications": [],
        "initialConfig": {},
        "stages": [_stage(stage, steps.get(stage.id, [])) for stage in stages],
    }


def task(shown: Json, message: str) -> Json:
    """An execution as Gate shows it, as its task: one list of steps, and all that its stages know as variables.

    `message` says why it failed.
    """
    known: Json = {}
    for stage in shown["stages"]:
        known |= stage["context"] | stage["outputs"]
    if message:
        known["exception"] = {"details": {"errors": [message]}}
    return {
        **{name: shown[name] for name in ("id", "name", "application", "status", "buildTime", "startTime", "endTime")},
        "variables": [{"key": key, "value": value} for key, value in known.items()],
        "steps": [
            {name: step[name] for name in ("name", "status", "startTime", "endTime")}
            for stage in shown["stages"]
            for step in stage["tasks"]
        ],
        "execution": {"stages": shown["stages"]},
    }


def _stage(one: Stage, steps: list[Step]) -> Json:
    return {
        "id": to_ulid(one.id),
        "refId": one.ref,
        "requisiteStageRefIds": one.requisites,
        "type": one.type_key,
        "name": one.name,
        "status": one.status,
        "startTime": epoch_ms(one.started_at),
        "endTime": epoch_ms(one.ended_at),
        "context": masked(one.context),
        "outputs": masked(one.outputs),
        "tasks": [_task(step, is_first=step is steps[0], is_last=step is steps[-1]) for step in steps],
        "parentStageId": to_ulid(one.parent_id) if one.parent_id else None,
        "syntheticStageOwner": _OWNERS.get(one.owner),
        "scheduledTime": None,
    }


def _task(one: Step, *, is_first: bool, is_last: bool) -> Json:
    return {
        "id": str(one.n + 1),
        "name": one.name,
        "implementingClass": one.name,
        "status": _TASKS[StepStatus(one.status)],
        "startTime": epoch_ms(one.started_at),
        "endTime": epoch_ms(one.ended_at),
        "stageStart": is_first,
        "stageEnd": is_last,
        "loopStart": False,
        "loopEnd": False,
    }
