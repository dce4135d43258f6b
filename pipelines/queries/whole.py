"""One execution with all that its page shows. Contexts are read for the picked stage and open judgments alone."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef

from clusters.trust.permissions import Actor
from pipelines.core.snapshot import StepStatus
from pipelines.core.status import Status
from pipelines.models import Event, Execution, Stage, Step, Work
from pipelines.models.ids import from_ulid
from pipelines.queries import visible
from pipelines.queries.runs import Waiting, few, highest, options

#: How many earlier successes say what is usual.
RECENT = 11
#: Of an execution, and of one stage.
MOST_EVENTS = 200
#: Written by deploys: {region: [server group]}.
DEPLOYED = "deploy.server.groups"
CREATES, DESTROYS = "createServerGroup", "destroyServerGroup"


class Whole:
    """All rows of an execution. A stage's parts hang on its row, so an old attempt keeps its own."""

    def __init__(self, execution: Execution, rows: list[Stage], steps: dict[uuid.UUID, list[Step]]) -> None:
        self.execution = execution
        self.rows = rows
        self.steps = steps
        self._parts: dict[uuid.UUID, list[Stage]] = defaultdict(list)
        for row in rows:
            if row.parent_id is not None:
                self._parts[row.parent_id].append(row)
        #: Top-level stages of the highest attempts, in order.
        self.tops = highest(row for row in rows if row.parent_id is None)
        self.waiting = [
            Waiting(step, stage, top)
            for top in self.tops
            for stage in self.below(top)
            for step in steps.get(stage.id, ())
            if StepStatus(step.status).is_open
        ]

    def attempts(self, ref: str) -> list[Stage]:
        """Newest first."""
        return sorted((row for row in self.rows if row.ref == ref), key=lambda row: -row.attempt)

    def below(self, stage: Stage) -> list[Stage]:
        """The stage and all its parts, in order."""
        return [stage, *(deeper for part in self._parts[stage.id] for deeper in self.below(part))]

    def waiting_below(self, stage: Stage) -> list[Waiting]:
        ids = {part.id for part in self.below(stage)}
        return [waits for waits in self.waiting if waits.stage.id in ids]

    def deployed(self, under: Stage | None = None) -> list[tuple[str, str]]:
        """(region, server group) of all that was made and not destroyed again, or only by one stage and its parts."""
        made: dict[tuple[str, str], None] = {}
        gone: set[tuple[str, str]] = set()
        for top in [under] if under else self.tops:
            for stage in self.below(top):
                named = [
                    (region, name)
                    for region, names in (getattr(stage, "deployed", None) or {}).items()
                    for name in names
                ]
                if stage.type_key == CREATES:
                    made |= dict.fromkeys(named)
                elif stage.type_key == DESTROYS and stage.status == Status.SUCCEEDED:
                    gone.update(named)
        return [one for one in made if one not in gone]

    @property
    def judgments(self) -> list[Stage]:
        """Stages that wait for an answer."""
        return [waits.stage for waits in self.waiting if waits.asks]


def find(actor: Actor, ulid: str) -> Execution:
    """Raises Execution.DoesNotExist for nonsense, the unknown and the unseen alike."""
    try:
        key = from_ulid(ulid)
    except ValueError:
        raise Execution.DoesNotExist from None
    success = Execution.objects.filter(pipeline=OuterRef("pipeline"), status=Status.SUCCEEDED).order_by("-number")
    durations = success.annotate(took=F("ended_at") - F("started_at")).values("took")[:RECENT]
    executions = visible.executions(actor).select_related("pipeline")
    light = executions.defer("spec", "pipeline__source", "pipeline__document", "pipeline__problems")
    return light.annotate(recent=ArraySubquery(durations)).get(pk=key)


def usual(execution: Any) -> timedelta | None:
    times = sorted(time for time in execution.recent if time is not None)
    return times[len(times) // 2] if times else None


def whole(execution: Execution) -> Whole:
    """Without contexts; two queries."""
    rows = Stage.objects.filter(execution=execution).select_related("judgment").defer("context", "outputs")
    stages = list(rows.annotate(deployed=F(f"context__{DEPLOYED}"), **options()).order_by("position"))
    for stage in stages:
        stage.context = few(stage)
    return _assemble([execution], stages)[0]


def wholes(executions: list[Execution]) -> list[Whole]:
    """With all contexts; two queries for all."""
    rows = Stage.objects.filter(execution__in=executions).select_related("judgment")
    return _assemble(executions, list(rows.order_by("position")))


def _assemble(executions: list[Execution], rows: Sequence[Stage]) -> list[Whole]:
    stages: dict[uuid.UUID, list[Stage]] = defaultdict(list)
    for row in rows:
        stages[row.execution_id].append(row)
    steps: dict[uuid.UUID, list[Step]] = defaultdict(list)
    for step in Step.objects.filter(stage__execution__in=executions).defer("intent").order_by("n"):
        steps[step.stage_id].append(step)
    return [Whole(execution, stages[execution.pk], steps) for execution in executions]


def contexts(stages: list[Stage]) -> None:
    """Read the full context and outputs of these; one query."""
    full: dict[Any, tuple[Any, Any]] = {
        key: (context, outputs)
        for key, context, outputs in Stage.objects.filter(pk__in=[stage.pk for stage in stages]).values_list(
            "pk", "context", "outputs"
        )
    }
    for stage in stages:
        stage.context, stage.outputs = full[stage.pk]


def work(stage: Stage) -> Work | None:
    """The long work that a stage with its full context has submitted."""
    token = stage.context.get("workToken")
    return Work.objects.filter(token=token, stage=stage).first() if isinstance(token, str) else None


def events(execution: Execution, refs: list[str] | None = None, most: int = MOST_EVENTS) -> list[Event]:
    """Newest first; of these stages only when `refs` is given."""
    found = Event.objects.filter(execution=execution)
    if refs is not None:
        found = found.filter(ref__in=refs)
    return list(found.order_by("-seq")[:most])
