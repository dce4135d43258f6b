"""A snapshot being changed: remembers what changed, so that only that is written."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pipelines.core.plan import Child, Json
from pipelines.core.snapshot import Execution, Phase, Snapshot, Stage, Step, StepStatus
from pipelines.core.status import EXECUTION_MOVES, STAGE_MOVES, Status


class IllegalMove(AssertionError):
    """A bug: the status table does not allow this move."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an execution's history. `status` is the new status of what `kind` names (execution, stage, step)."""

    kind: str
    status: str
    ref: str = ""
    attempt: int = 1
    step: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write, and what to do next.

    `after` is the snapshot once written. `perform` is the id of the step to try now; `may_act` is False when an effect
    found in INTENT is only to be found out, not done. Without `perform`, look again at `due_at` (None: when woken).
    """

    after: Snapshot
    changed_stages: frozenset[str]
    new_stages: frozenset[str]
    changed_steps: frozenset[str]
    new_steps: frozenset[str]
    events: tuple[Event, ...]
    perform: str | None
    may_act: bool
    due_at: datetime | None
    now: datetime

    def put_off(self) -> Decision:
        """The same, with the next step left to whoever comes next."""
        return replace(self, perform=None, due_at=self.now)


@dataclass(slots=True)
class Draft:
    now: datetime
    execution: Execution
    stages: dict[str, Stage]
    steps: dict[str, Step]
    changed_stages: set[str] = field(default_factory=set)
    new_stages: set[str] = field(default_factory=set)
    changed_steps: set[str] = field(default_factory=set)
    new_steps: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)

    ids: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: Snapshot, now: datetime) -> Draft:
        ids = {stage.ref: stage.id for stage in snapshot.stages.values()}
        return cls(now, snapshot.execution, dict(snapshot.stages), dict(snapshot.steps), ids=ids)

    def by_ref(self, ref: str) -> Stage | None:
        return self.stages.get(self.ids.get(ref, ""))

    def move_execution(self, status: Status, message: str = "") -> None:
        if status not in EXECUTION_MOVES.get(self.execution.status, ()):
            raise IllegalMove(f"execution {self.execution.status} -> {status}")
        ended = self.now if status.is_complete else None
        started = self.execution.started_at or self.now
        self.execution = replace(self.execution, status=status, message=message, started_at=started, ended_at=ended)
        self.events.append(Event("execution", status, attempt=self.execution.attempt, message=message))

    def move_stage(self, stage: Stage, status: Status, message: str = "", **changes: Any) -> Stage:
        if status not in STAGE_MOVES.get(stage.status, ()):
            raise IllegalMove(f"stage {stage.ref} {stage.status} -> {status}")
        if status.is_complete:
            changes["ended_at"] = self.now
        if status is Status.RUNNING:
            changes["started_at"] = self.now
        self.events.append(Event("stage", status, stage.ref, stage.attempt, message=message))
        return self.set_stage(stage, status=status, message=message or stage.message, **changes)

    def set_stage(self, stage: Stage, **changes: Any) -> Stage:
        changed = replace(self.stages[stage.id], **changes)
        self.stages[stage.id] = changed
        if stage.id not in self.new_stages:
            self.changed_stages.add(stage.id)
        return changed

    def set_step(self, step: Step, **changes: Any) -> Step:
        changed = replace(step, **changes)
        self.steps[step.id] = changed
        if step.id not in self.new_steps:
            self.changed_steps.add(step.id)
        is_news = bool(changed.waiting_for) and changed.waiting_for != step.waiting_for
        if changed.status != step.status or is_news:
            stage = self.stages[step.stage_id]
            told = changed.waiting_for if is_news else changed.message or changed.waiting_for
            self.events.append(Event("step", changed.status, stage.ref, stage.attempt, step.name, told))
        return changed

    def merge(self, stage: Stage, context: Json, outputs: Json) -> Stage:
        if not context and not outputs:
            return self.stages[stage.id]
        current = self.stages[stage.id]
        return self.set_stage(current, context=current.context | context, outputs=current.outputs | outputs)

    def add_step(self, stage: Stage, n: int, name: str, kind: str, deadline: datetime | None) -> None:
        step_id = str(uuid.uuid5(uuid.UUID(stage.id), f"step {n}"))
        self.steps[step_id] = Step(
            step_id, stage.id, n, name, kind, StepStatus.PENDING, step_id, self.now, deadline=deadline
        )
        self.new_steps.add(step_id)
        self.events.append(Event("step", StepStatus.PENDING, stage.ref, stage.attempt, name))

    def add_children(self, parent: Stage, owner: str, children: list[Child]) -> None:
        sign = "<" if owner == Phase.BEFORE else ">"
        first = 1 + sum(stage.ref.startswith(f"{parent.ref}{sign}") for stage in self.children(parent))
        refs = [f"{parent.ref}{sign}{first + index}" for index in range(len(children))]
        for index, child in enumerate(children):
            stage_id = str(uuid.uuid5(uuid.UUID(parent.id), refs[index]))
            self.stages[stage_id] = Stage(
                stage_id,
                refs[index],
                parent.attempt,
                child.type_key,
                child.name,
                position=len(self.stages),
                parent_id=parent.id,
                owner=owner,
                requisites=tuple(refs[other] for other in child.follows),
                context=dict(child.context),
            )
            self.ids[refs[index]] = stage_id
            self.new_stages.add(stage_id)
            self.events.append(Event("stage", Status.NOT_STARTED, refs[index], parent.attempt))

    def children(self, parent: Stage, owner: str = "") -> list[Stage]:
        return [
            stage
            for stage in self.stages.values()
            if stage.parent_id == parent.id and (not owner or stage.owner == owner)
        ]

    def steps_of(self, stage: Stage) -> list[Step]:
        return [step for step in self.steps.values() if step.stage_id == stage.id]

    def decision(self, perform: str | None, may_act: bool, due_at: datetime | None) -> Decision:
        return Decision(
            Snapshot(self.execution, self.stages, self.steps),
            frozenset(self.changed_stages),
            frozenset(self.new_stages),
            frozenset(self.changed_steps),
            frozenset(self.new_steps),
            tuple(self.events),
            perform,
            may_act,
            due_at,
            self.now,
        )
