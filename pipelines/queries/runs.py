"""Lists of executions: rows with their top-level stages and open steps, never with contexts or payloads.

Newest first is by id: ids sort by time, so the primary key serves both order and page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, ExpressionWrapper, F, OuterRef, Q, QuerySet, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from clusters.models import Application
from pipelines.core.sentences import JUDGMENT
from pipelines.core.snapshot import StepStatus
from pipelines.core.status import Status
from pipelines.models import Execution, Pipeline, Stage, Step
from pipelines.models.execution import OPEN
from pipelines.models.ids import from_ulid

PAGE = 30
PER_PIPELINE = 5
SPARK = 12
#: A page shows no more open executions than this; the rest is reached by filters.
MOST_OPEN = 100

OPEN_STEPS = tuple(status for status in StepStatus if status.is_open)
STATUS_FILTERS = {
    "running": OPEN,
    "succeeded": (Status.SUCCEEDED,),
    "failed": (Status.TERMINAL, Status.STOPPED),
    "cancelled": (Status.CANCELED,),
}
AGES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}

_HEAVY = ("spec", "trigger")
_STAGE_COLUMNS = (
    "id",
    "execution_id",
    "ref",
    "attempt",
    "type_key",
    "name",
    "status",
    "position",
    "parent_id",
    "requisites",
    "message",
    "started_at",
    "ended_at",
)
#: The few facts of a stage's context that sentences need, by their JSON names.
_OPTIONS = ("failPipeline", "continuePipeline", "requiredJudgmentRoles", "selectedStageRoles")


@dataclass(frozen=True, slots=True)
class Filters:
    text: str = ""
    pipeline: str = ""
    status: str = ""
    by: str = ""
    age: str = ""

    @property
    def is_set(self) -> bool:
        return self != Filters()

    def apply(self, executions: QuerySet[Execution], now: datetime) -> QuerySet[Execution]:
        if self.text:
            executions = executions.annotate(said=Cast("trigger", TextField())).filter(
                Q(name__icontains=self.text) | Q(started_by__icontains=self.text) | Q(said__icontains=self.text)
            )
        if self.pipeline:
            executions = executions.filter(pipeline=self.pipeline)
        if self.status in STATUS_FILTERS:
            executions = executions.filter(status__in=STATUS_FILTERS[self.status])
        if self.by:
            executions = executions.filter(started_by=self.by)
        if self.age in AGES:
            executions = executions.filter(created_at__gte=now - AGES[self.age])
        return executions


@dataclass(slots=True)
class Waiting:
    """An open step, its stage, and the top-level stage it lies under, whose failure options count."""

    step: Step
    stage: Stage
    top: Stage

    @property
    def asks(self) -> bool:
        """True when a person has to answer, and nobody has yet."""
        return self.stage.type_key == JUDGMENT and not hasattr(self.stage, "judgment")


@dataclass(slots=True)
class Run:
    execution: Execution
    #: Top-level stages of the highest attempts, in order.
    stages: list[Stage] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)


@dataclass(slots=True)
class PipelineRuns:
    """A pipeline (None: operations outside of pipelines), its open and newest executions, and its last results."""

    pipeline: Pipeline | None
    runs: list[Run]
    #: Finished ones, newest first.
    results: list[Execution]

    @property
    def usual(self) -> timedelta | None:
        return usual(self.results)


def usual(executions: Iterable[Execution]) -> timedelta | None:
    """How long a success takes: the median of those given."""
    times = [
        (execution.ended_at - execution.started_at).total_seconds()
        for execution in executions
        if execution.status == Status.SUCCEEDED and execution.started_at and execution.ended_at
    ]
    return timedelta(seconds=median(times)) if times else None


def listed(executions: QuerySet[Execution]) -> QuerySet[Execution]:
    """Light rows: of the trigger only what says why."""
    return executions.defer(*_HEAVY).annotate(
        trigger_type=KT("trigger__type"),
        build_job=KT("trigger__job"),
        build_number=KT("trigger__buildNumber"),
        branch=KT("trigger__branch"),
        commit=KT("trigger__hash"),
        parameters=F("trigger__parameters"),
    )


def page(executions: QuerySet[Execution], before: str = "", size: int = PAGE) -> tuple[list[Run], str]:
    """A page of runs, newest first, and where the next begins ("" on the last one). A wrong `before` is the start."""
    with suppress(ValueError):
        executions = executions.filter(id__lt=from_ulid(before)) if before else executions
    rows = list(listed(executions).order_by("-id")[: size + 1])
    return with_stages(rows[:size]), rows[size - 1].ulid if len(rows) > size else ""


def with_stages(executions: list[Execution]) -> list[Run]:
    """Two queries, however many rows."""
    runs = {execution.id: Run(execution) for execution in executions}
    stages = Stage.objects.filter(execution__in=list(runs), parent=None).only(*_STAGE_COLUMNS).annotate(**options())
    for stage in highest(stages):
        stage.context = few(stage)
        runs[stage.execution_id].stages.append(stage)
    open_ids = [execution.id for execution in executions if not execution.is_complete]
    tops = {(stage.execution_id, stage.ref): stage for run in runs.values() for stage in run.stages}
    for step in open_steps(open_ids):
        stage = step.stage
        top = tops.get((stage.execution_id, top_ref(stage.ref)), stage)
        runs[stage.execution_id].waiting.append(Waiting(step, stage, top))
    return list(runs.values())


def open_steps(execution_ids: list[Any]) -> Iterable[Step]:
    """Steps under way with their stage, whose `context` holds only what sentences need."""
    steps = (
        Step.objects.filter(stage__execution__in=execution_ids, status__in=OPEN_STEPS)
        .select_related("stage__judgment")
        .defer("intent", "stage__context", "stage__outputs")
        .annotate(**options("stage__"))
        .order_by("stage__position", "n")
    )
    for step in steps:
        step.stage.context = few(step)
        yield step


def highest(stages: Iterable[Stage]) -> list[Stage]:
    """Of each execution's stages those of the highest attempt, in order of position."""
    newest: dict[tuple[Any, str], Stage] = {}
    for stage in stages:
        key = stage.execution_id, stage.ref
        if key not in newest or newest[key].attempt < stage.attempt:
            newest[key] = stage
    return sorted(newest.values(), key=lambda stage: stage.position)


def top_ref(ref: str) -> str:
    """The ref of the top-level stage: 3<1>2 lies under 3."""
    return ref.partition("<")[0].partition(">")[0]


def by_pipeline(application: Application, filters: Filters, now: datetime) -> list[PipelineRuns]:
    """Each pipeline with its open executions and newest results, those that are strategies last; four queries."""
    mine = filters.apply(Execution.objects.filter(application=application.name), now)
    done = mine.exclude(status__in=OPEN)
    newest = done.filter(pipeline=OuterRef("pk")).order_by("-number").values("id")[:SPARK]
    pipelines = Pipeline.objects.filter(application=application).defer("source", "document", "problems")
    if filters.pipeline:
        pipelines = pipelines.filter(pk=filters.pipeline)
    is_strategy = ExpressionWrapper(Q(document__contains={"strategy": True}), BooleanField())
    pipelines = pipelines.annotate(
        newest=ArraySubquery(newest), triggers=F("document__triggers"), is_strategy=is_strategy
    )
    kept = list(pipelines.order_by("is_strategy", "position", "name"))
    wanted = Q(id__in=[id for pipeline in kept for id in pipeline.newest])
    wanted |= Q(id__in=mine.filter(status__in=OPEN).order_by("-id").values("id")[:MOST_OPEN])
    if not filters.pipeline:
        wanted |= Q(id__in=done.filter(pipeline=None).order_by("-id").values("id")[:PER_PIPELINE])
    groups: dict[str | None, list[Execution]] = defaultdict(list)
    for execution in listed(Execution.objects.filter(wanted)).order_by("-id"):
        groups[execution.pipeline_id].append(execution)
    return _grouped(kept, groups, filters)


def _grouped(
    pipelines: Sequence[Pipeline], groups: dict[str | None, list[Execution]], filters: Filters
) -> list[PipelineRuns]:
    found: list[PipelineRuns] = []
    for pipeline in [*pipelines, None]:
        executions = groups.get(pipeline.pk if pipeline else None, [])
        results = [execution for execution in executions if execution.is_complete]
        shown = [execution for execution in executions if not execution.is_complete] + results[:PER_PIPELINE]
        if shown or (pipeline and not filters.is_set):
            found.append(PipelineRuns(pipeline, [Run(execution) for execution in shown], results))
    loaded = {run.execution.id: run for run in with_stages([run.execution for group in found for run in group.runs])}
    for group in found:
        group.runs = [loaded[run.execution.id] for run in group.runs]
    return found


def options(prefix: str = "") -> dict[str, F]:
    return {f"option_{name}": F(f"{prefix}context__{name}") for name in _OPTIONS}


def few(row: Stage | Step) -> dict[str, Any]:
    """Of the stage's context what sentences need, read by options()."""
    values = {name: getattr(row, f"option_{name}") for name in _OPTIONS}
    return {name: value for name, value in values.items() if value is not None}
