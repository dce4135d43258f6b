"""A stage from its start to its end: what its steps found, its children, its failure, its being called off."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pipelines.core.beginning import begin
from pipelines.core.draft import Draft
from pipelines.core.plan import (
    Child,
    Failed,
    Outcome,
    Running,
    Skipped,
    StageType,
    StageView,
    StepFailed,
    StepSpec,
    Succeeded,
)
from pipelines.core.scope import Scope, context_of
from pipelines.core.snapshot import Phase, Stage, Step, StepStatus
from pipelines.core.status import Status
from pipelines.core.view import stage_view

FindType = Callable[[str], StageType | None]

YES = (True, "true")
NO = (False, "false")

#: Tries at calling something off, of at most 6 s each, before it is left to itself.
MOST_CALLS_OFF = 4


class Lifecycle:
    """The rules for one stage at a time, applied to a draft. Not in charge of the execution as a whole (decide.py)."""

    def __init__(self, draft: Draft, find_type: FindType) -> None:
        self.draft = draft
        self.find_type = find_type

    # what a step found

    def record(self, step: Step, outcome: Outcome) -> None:
        stage = self.draft.stages[step.stage_id]
        if not step.status.is_open or stage.status is not Status.RUNNING:
            return
        if step.status is StepStatus.STOPPING:
            self._record_call_off(step, stage, outcome)
            return
        match outcome:
            case Running():
                self._keep_waiting(step, stage, outcome)
            case Succeeded():
                self._end_step(step, StepStatus.DONE, outcome.note)
                self._next_step(self.draft.merge(stage, outcome.context, outcome.outputs), step.n + 1)
            case Skipped():
                self._end_step(step, StepStatus.SKIPPED, outcome.note)
                self._next_step(self.draft.merge(stage, outcome.context, {}), step.n + 1)
            case Failed():
                self._end_step(step, StepStatus.FAILED, outcome.message)
                stage = self.draft.merge(stage, outcome.context, outcome.outputs)
                self.fail(stage, outcome.message, outcome.status, step.name)

    def _keep_waiting(self, step: Step, stage: Stage, outcome: Running) -> None:
        due = outcome.until
        if outcome.again_in is not None:
            due = self.draft.now + timedelta(seconds=outcome.again_in)
        status = StepStatus.RUNNING if step.status is StepStatus.PENDING else step.status
        self.draft.merge(stage, outcome.context, {})
        self.draft.set_step(
            step,
            status=status,
            tries=step.tries + 1,
            due_at=due,
            wait_key=outcome.wait_key,
            waiting_for=outcome.waiting_for,
        )

    def _record_call_off(self, step: Step, stage: Stage, outcome: Outcome) -> None:
        if isinstance(outcome, Running) and step.tries + 1 < MOST_CALLS_OFF:
            self._keep_waiting(step, stage, outcome)
            return
        match outcome:
            case Running():
                came_of_it = f"It could not be called off: {outcome.waiting_for}."
            case Failed():
                came_of_it = outcome.message
            case Succeeded() | Skipped():
                came_of_it = outcome.note
        message = f"{step.message} {came_of_it}".strip()
        self._end_step(step, StepStatus.CANCELED, message)
        stage = self.draft.merge(stage, outcome.context, {})
        if step.message:  # it ran out of time
            self.fail(stage, message, failed_step=step.name)
        else:
            self.draft.set_stage(stage, message=message)

    def call_off(self, step: Step, why: str = "") -> bool:
        """Mark a step to be called off. False when its type cannot do that. `why`: it ran out of time, its stage fails.

        When nothing else says so, whoever stops waiting (a cancel, a failure beside it) closes the stage afterwards.
        """
        stage = self.draft.stages[step.stage_id]
        stage_type = self.find_type(stage.type_key)
        if step.kind != "observe" or stage_type is None:
            return False
        try:
            specs = stage_type.steps(stage_type.parse(stage.context))
        except StepFailed:
            return False
        if not any(spec.name == step.name and getattr(spec, "call_off", None) for spec in specs):
            return False
        self.draft.set_step(
            step, status=StepStatus.STOPPING, tries=0, due_at=None, wait_key="", waiting_for="", message=why
        )
        return True

    def _end_step(self, step: Step, status: StepStatus, message: str) -> None:
        self.draft.set_step(
            step, status=status, message=message, ended_at=self.draft.now, due_at=None, wait_key="", waiting_for=""
        )

    # a stage from its start to its end

    def start(self, stage: Stage) -> None:
        stage_type = self.find_type(stage.type_key)
        scope = self._scope(stage)
        if stage.parent_id is None:
            begun = begin(stage.context, stage_type, scope, self.draft.now)
            stage = self.draft.set_stage(stage, context=begun.context)
            if begun.skipped:
                self.draft.move_stage(stage, Status.SKIPPED, begun.skipped)
                return
            stage = self.draft.move_stage(stage, Status.RUNNING)
            if begun.failure:
                self.draft.move_stage(stage, Status.TERMINAL, begun.failure)
                return
        else:
            stage = self.draft.move_stage(stage, Status.RUNNING)
        if stage_type is None:
            self.fail(stage, f"There is no stage type {stage.type_key!r} here.")
            return
        try:
            children = stage_type.before(stage_type.parse(stage.context), self._view(stage))
        except StepFailed as error:
            told = scope.told(error.field) if error.field else ""
            self.fail(stage, f"{error.message} {told}".strip())
            return
        if children:
            self.draft.set_stage(stage, phase=Phase.BEFORE)
            self.draft.add_children(stage, Phase.BEFORE, children)
        else:
            self._next_step(stage, 0)

    def _next_step(self, stage: Stage, n: int) -> None:
        stage_type = self.find_type(stage.type_key)
        if stage_type is None:
            self.fail(stage, f"There is no stage type {stage.type_key!r} here any more.")
            return
        try:
            config = stage_type.parse(stage.context)
            specs = stage_type.steps(config)
            if n < len(specs):
                self.draft.set_stage(stage, phase=Phase.STEPS)
                self.draft.add_step(stage, n, specs[n].name, specs[n].kind, self._deadline(stage, specs[n]))
                return
            children = stage_type.after(config, self._view(stage))
        except StepFailed as error:
            self.fail(stage, error.message)
            return
        self.draft.set_stage(stage, phase=Phase.AFTER)
        self.draft.add_children(stage, Phase.AFTER, children)
        if not children:
            self.draft.move_stage(self.draft.stages[stage.id], Status.SUCCEEDED)

    def _deadline(self, stage: Stage, spec: StepSpec) -> datetime | None:
        seconds = spec.timeout_seconds
        holder: Stage | None = stage
        while spec.is_timeout_overridable and holder is not None:
            if own := holder.context.get("stageTimeoutMs"):
                return (holder.started_at or self.draft.now) + _milliseconds(own)
            holder = self.draft.stages[holder.parent_id] if holder.parent_id else None
        return None if seconds is None else self.draft.now + timedelta(seconds=seconds)

    def fail(self, stage: Stage, message: str, status: Status = Status.TERMINAL, failed_step: str = "") -> None:
        """End `stage` badly: stop what runs below it, run what it wants done after a failure, then its final status."""
        stage = self.draft.stages[stage.id]
        status = self._softened(stage, status)
        self._stop_below(stage)
        children: list[Child] = []
        stage_type = self.find_type(stage.type_key)
        if stage_type is not None and status is not Status.CANCELED:
            try:
                config = stage_type.parse(stage.context)
                children = stage_type.on_failure(config, self._view(stage), failed_step)
            except StepFailed:
                children = []  # a config that cannot be read is itself the failure; there is nothing to undo by it
        if children:
            self.draft.set_stage(stage, phase=Phase.FAILURE, failing_as=status, message=message)
            self.draft.add_children(stage, Phase.FAILURE, children)
        else:
            self.draft.move_stage(stage, status, message)

    def _softened(self, stage: Stage, status: Status) -> Status:
        """The failure options of a top-level stage; children leave that to their parent."""
        if stage.parent_id is not None:
            return status
        if stage.context.get("continuePipeline") in YES:
            return Status.FAILED_CONTINUE
        return Status.STOPPED if stage.context.get("failPipeline") in NO else status

    def advance(self, stage: Stage) -> None:
        if stage.status is Status.NOT_STARTED:
            if self.is_ready(stage):
                self.start(stage)
        elif stage.status is Status.RUNNING and stage.phase in (Phase.BEFORE, Phase.AFTER, Phase.FAILURE):
            self._after_children(stage, self.draft.children(stage, stage.phase))

    def _after_children(self, stage: Stage, children: list[Stage]) -> None:
        halted = next((child for child in children if child.status.halts), None)
        if stage.phase is Phase.FAILURE:
            if halted is not None or all(child.status.is_complete for child in children):
                self._end_failed(stage, halted)
        elif halted is not None:
            if self.undecided_below(stage):
                return
            status = halted.status if halted.status in (Status.CANCELED, Status.STOPPED) else Status.TERMINAL
            self.fail(stage, halted.message, status)
        elif all(child.status.is_complete or self._is_companion(child) for child in children):
            for child in children:
                self._dismiss(child)
            if stage.phase is Phase.BEFORE:
                self._next_step(stage, 0)
            else:
                self.draft.move_stage(stage, Status.SUCCEEDED)

    def _is_companion(self, stage: Stage) -> bool:
        stage_type = self.find_type(stage.type_key)
        return stage_type is not None and stage_type.is_companion

    def _dismiss(self, stage: Stage) -> None:
        """End a companion that still runs: what it kept company has ended well."""
        if stage.status is Status.RUNNING:
            for step in self.draft.steps_of(stage):
                if step.status.is_open:
                    self._end_step(step, StepStatus.DONE, "")
            self.draft.move_stage(self.draft.stages[stage.id], Status.SUCCEEDED)

    def _end_failed(self, stage: Stage, halted: Stage | None) -> None:
        message = stage.message
        if halted is not None:
            message = f"{message} Afterwards {halted.name} failed: {halted.message}".strip()
            self._stop_below(stage)
        self.draft.move_stage(self.draft.stages[stage.id], stage.failing_as or Status.TERMINAL, message)

    def is_ready(self, stage: Stage) -> bool:
        """True when all it rests on is well ended, and, for a child, its parent runs the phase it belongs to."""
        if stage.parent_id is not None:
            parent = self.draft.stages[stage.parent_id]
            if parent.status is not Status.RUNNING or parent.phase != stage.owner:
                return False
        if not stage.requisites:
            return True
        return all((other := self.draft.by_ref(ref)) and other.status.opens_the_way for ref in stage.requisites)

    def _stop_below(self, stage: Stage) -> None:
        for child in self.draft.children(stage):
            if child.status is Status.RUNNING:
                self.cancel(child)

    def cancel(self, stage: Stage) -> None:
        """Close a running stage, its steps and all that runs below it."""
        self._stop_below(stage)
        for step in self.draft.steps_of(stage):
            if step.status.is_open:
                self._end_step(step, StepStatus.CANCELED, "")
        self.draft.move_stage(self.draft.stages[stage.id], Status.CANCELED)

    def undecided(self) -> list[Step]:
        """What has to come to rest before all may end: effects of which it is not known whether they happened, and
        what is to be called off in the outside world."""
        return self._undecided(list(self.draft.steps.values()))

    def undecided_below(self, stage: Stage) -> bool:
        below = [step for step in self.draft.steps.values() if stage.id in self._line(self.draft.stages[step.stage_id])]
        return bool(self._undecided(below))

    def _undecided(self, steps: list[Step]) -> list[Step]:
        waits = (StepStatus.PENDING, StepStatus.RUNNING)
        marked = [step.id for step in steps if step.status in waits and self.call_off(step)]
        undecided = (StepStatus.INTENT, StepStatus.STOPPING)
        return [self.draft.steps[step.id] for step in steps if step.status in undecided or step.id in marked]

    def _line(self, stage: Stage) -> list[str]:
        """Ids of a stage and all it lies under."""
        ids = [stage.id]
        while stage.parent_id:
            stage = self.draft.stages[stage.parent_id]
            ids.append(stage.id)
        return ids

    def is_called_off(self, stage: Stage) -> bool:
        """True when something beside or above `stage` has failed, so that it is only waited for to be closed.

        What follows a failure is not called off by that failure: only what belongs to the same phase counts.
        """
        places = {(one.parent_id, one.owner) for one in map(self.draft.stages.__getitem__, self._line(stage))}
        others = (other for other in self.draft.stages.values() if other.parent_id is not None)
        return any((other.parent_id, other.owner) in places and other.status.halts for other in others)

    def _scope(self, stage: Stage) -> Scope:
        draft = self.draft
        return Scope(lambda: context_of(draft.execution, draft.stages, draft.stages[stage.id], draft.now))

    def _view(self, stage: Stage) -> StageView:
        return stage_view(self.draft.execution, self.draft.stages, self.draft.stages[stage.id])


def _milliseconds(written: Any) -> timedelta:
    try:
        return timedelta(milliseconds=float(written))
    except (TypeError, ValueError, OverflowError):
        raise StepFailed(
            f"stageTimeoutMs: {str(written)[:100]!r} is no number of milliseconds.", field="stageTimeoutMs"
        ) from None
