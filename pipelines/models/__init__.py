"""Rows of the pipelines half. Executions, stages, steps and events are written by pipelines.engine alone."""

from pipelines.models.controller import Controller
from pipelines.models.event import Event
from pipelines.models.execution import Execution
from pipelines.models.judgment import Judgment
from pipelines.models.outbox import Outbox
from pipelines.models.pipeline import Pipeline
from pipelines.models.revision import PipelineRevision
from pipelines.models.stage import Stage
from pipelines.models.step import Step
from pipelines.models.work import Work

__all__ = [
    "Controller",
    "Event",
    "Execution",
    "Judgment",
    "Outbox",
    "Pipeline",
    "PipelineRevision",
    "Stage",
    "Step",
    "Work",
]
