"""Executions as stages see them, and the door through which they start one.

Starting is an operation: permission, parameters, audit. Operations are above stages, so the way there is handed in when
the site starts (pipelines/apps.py). Looking needs no door.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from clusters.operations.places import require_execute
from clusters.trust.permissions import Actor
from pipelines.core.plan import Json, StageView, StepFailed
from pipelines.core.status import TABLE, Status
from pipelines.models import Execution, Pipeline, Stage
from pipelines.models.ids import from_ulid, to_ulid

#: Pipelines that start each other end here: more is a loop.
MOST_DEPTH = 10


class Starter(Protocol):
    """Start a pipeline for somebody, at most once for a key. Raises StepFailed, Refused."""

    def __call__(
        self,
        actor: Actor,
        pipeline: Pipeline,
        *,
        parameters: Mapping[str, Any],
        trigger: Json,
        dedupe_key: str,
        parent_stage: str,
    ) -> Execution: ...


_doors: list[Starter] = []


def open_door(starter: Starter) -> None:
    """The last one given is the one that is used."""
    _doors[:] = [starter]


@dataclass(frozen=True, slots=True)
class Run:
    """An execution that a stage started."""

    id: str
    name: str
    number: int
    status: Status
    message: str
    cancelled_by: str

    def __str__(self) -> str:
        return f"{self.name} #{self.number}"

    @property
    def word(self) -> str:
        return TABLE[self.status].word.lower()


def find_pipeline(actor: Actor, application: str, key: str) -> Pipeline:
    """By its id, or by its name in the application. Raises Refused without EXECUTE there, StepFailed."""
    require_execute(actor, application)
    known = Pipeline.objects.filter(application__name=application)
    pipeline = known.filter(pk=key).first() or known.filter(name=key).first()
    if pipeline is None:
        raise StepFailed(f"Application {application} has no pipeline {key!r}.", field="pipeline")
    if pipeline.is_disabled:
        raise StepFailed(f"{pipeline} of {application} is disabled.", field="pipeline")
    return pipeline


def start(stage: StageView, pipeline: Pipeline, parameters: Mapping[str, Any], token: str) -> Run:
    """The execution that the token stands for: new, or the one it started before. Raises Refused, StepFailed."""
    return _run(
        _doors[0](
            stage.actor,
            pipeline,
            parameters=parameters,
            trigger=_trigger(stage),
            dedupe_key=_key(token),
            parent_stage=stage.stage_id,
        )
    )


def started(token: str) -> Run | None:
    """What the token has started."""
    execution = Execution.objects.defer("spec", "trigger").filter(dedupe_key=_key(token)).first()
    return _run(execution) if execution else None


def look(execution_id: str) -> Run | None:
    """How an execution stands; None when it is gone."""
    execution = Execution.objects.defer("spec", "trigger").filter(pk=from_ulid(execution_id)).first()
    return _run(execution) if execution else None


def outputs(execution_id: str) -> Json:
    """All that an execution's stages put out; of equal names the latest stage's."""
    stages = Stage.objects.filter(execution=from_ulid(execution_id)).order_by("attempt", "position")
    found: Json = {}
    for given in stages.values_list("outputs", flat=True):
        found |= given
    return found


def failure(run: Run) -> Json:
    """What went wrong, as Orca tells it in `exception`."""
    failed = Stage.objects.filter(execution=from_ulid(run.id), status__in=(Status.TERMINAL, Status.STOPPED))
    first = failed.order_by("parent", "position").only("id", "name", "position").first()
    source: Json = {"executionId": run.id}
    if first is not None:
        source |= {"stageId": to_ulid(first.id), "stageName": first.name, "stageIndex": first.position}
    return {"details": {"errors": [run.message] if run.message else []}, "source": source}


def depth(stage: StageView) -> int:
    """How many pipelines stand above what `stage` would start."""
    return int((stage.trigger.get("parentExecution") or {}).get("depth", 0)) + 1


def _trigger(stage: StageView) -> Json:
    parent = Execution.objects.only("name", "pipeline_id").get(pk=from_ulid(stage.execution_id))
    return {
        "type": "pipeline",
        "user": stage.actor.username,
        "parentPipelineStageId": stage.stage_id,
        "correlationId": f"{stage.execution_id}_{stage.stage_id}",
        "parentExecution": {
            "id": stage.execution_id,
            "type": "PIPELINE" if parent.pipeline_id else "ORCHESTRATION",
            "application": stage.application,
            "name": parent.name,
            "pipelineConfigId": parent.pipeline_id,
            "status": Status.RUNNING.value,
            "depth": depth(stage),
            "trigger": {name: stage.trigger.get(name) for name in ("type", "user", "parameters")},
            "stages": [
                {
                    "refId": ancestor.ref,
                    "type": ancestor.type_key,
                    "name": ancestor.name,
                    "status": ancestor.status.value,
                    "outputs": dict(ancestor.outputs),
                }
                for ancestor in stage.ancestors
            ],
        },
    }


def _key(token: str) -> str:
    return f"stage:{token}"


def _run(execution: Execution) -> Run:
    return Run(
        execution.ulid,
        execution.name,
        execution.number,
        Status(execution.status),
        execution.message,
        execution.cancelled_by,
    )
