"""Runs another pipeline, and unless told otherwise waits for it and ends as it ends."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from pipelines.core.plan import (
    ABSENT,
    Absent,
    Effect,
    Failed,
    Intent,
    Observe,
    Outcome,
    Running,
    StepFailed,
    StepSpec,
    StepView,
    Succeeded,
)
from pipelines.core.status import Status
from pipelines.models import Pipeline as Row
from pipelines.stages.base import BaseStage, StageConfig
from pipelines.stages.parts import pace, runs


class Config(StageConfig):
    also_known: ClassVar[frozenset[str]] = frozenset({"skippable"})

    #: Of the pipeline to run; without it, that of the execution. `pipelineApplication` is its name in strategies.
    application: str = ""
    pipeline_application: str = ""
    pipeline_id: str = ""
    #: Its id, or its name.
    pipeline: str = Field(default="", validate_default=True)
    pipeline_parameters: dict[str, Any] = {}
    wait_for_completion: bool = True
    #: Keep the outputs of its stages to itself.
    skip_downstream_output: bool = False
    #: Written once it is started.
    execution_id: str = ""

    @field_validator("pipeline")
    @classmethod
    def _some_pipeline(cls, pipeline: str, info: ValidationInfo) -> str:
        if not pipeline and not info.data.get("pipeline_id"):
            raise ValueError("name the pipeline to run")
        return pipeline

    @property
    def key(self) -> str:
        return self.pipeline or self.pipeline_id

    def application_in(self, own: str) -> str:
        return self.application or self.pipeline_application or own


def _intend(step: StepView, config: Config) -> Intent:
    stage = step.stage
    if runs.depth(stage) > runs.MOST_DEPTH:
        message = f"{runs.MOST_DEPTH} pipelines have started each other, this one last; that looks like a loop."
        raise StepFailed(f"pipeline: {message} Nothing was started.", field="pipeline")
    application = config.application_in(stage.application)
    pipeline = runs.find_pipeline(stage.actor, application, config.key)
    request = {"pipeline": pipeline.pk, "parameters": config.pipeline_parameters}
    return Intent(request, f"start {pipeline} of {application}")


def _start(intent: Intent, step: StepView) -> Outcome:
    pipeline = Row.objects.select_related("application").filter(pk=intent.request["pipeline"]).first()
    if pipeline is None:
        raise StepFailed("The pipeline was deleted a moment ago. Nothing was started.", field="pipeline")
    return _started(runs.start(step.stage, pipeline, intent.request["parameters"], step.token))


def _find(intent: Intent, step: StepView) -> Outcome | Absent:
    run = runs.started(step.token)
    return ABSENT if run is None else _started(run)


def _started(run: runs.Run) -> Succeeded:
    return Succeeded({"executionId": run.id, "executionName": run.name}, note=f"{run} started")


def _monitor(step: StepView, config: Config) -> Outcome:
    run = runs.look(config.execution_id)
    if run is None:
        raise StepFailed(f"Execution {config.execution_id} is gone; how it ended is not known.")
    if not run.status.is_complete:
        return Running(f"{run} to end", again_in=pace.MONITOR_PAUSE, wait_key=f"execution:{run.id}")
    told = {"status": run.status.value}
    if run.status is Status.SUCCEEDED:
        given = {} if config.skip_downstream_output else runs.outputs(run.id)
        return Succeeded(told, given, note=f"{run} {run.word}")
    if run.status is Status.CANCELED:
        by = f" by {run.cancelled_by}" if run.cancelled_by else ""
        return Failed(f"{run} was cancelled{by}.", Status.CANCELED, told)
    why = f": {run.message}" if run.message else "."
    return Failed(f"{run} ended as {run.status.value}{why}", context=told | {"exception": runs.failure(run)})


class Pipeline(BaseStage):
    key: ClassVar[str] = "pipeline"
    label: ClassVar[str] = "Pipeline"
    is_restartable: ClassVar[bool] = True
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        start = Effect("startPipeline", _intend, _start, _find, timeout_seconds=pace.CREATE_CALL)
        monitor = Observe("monitorPipeline", _monitor, pace.MONITOR_WAIT)
        return (start, monitor) if config.wait_for_completion else (start,)
