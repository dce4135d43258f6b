"""decide(): from an execution as it is and what a step just found, to what is to be written and done next.

Pure and level-triggered: it looks at the state, never at how it came about, so it may be asked again at any time. The
rules of how failure spreads are Spinnaker's (statuses: TERMINAL, STOPPED, FAILED_CONTINUE, CANCELED).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipelines.core.draft import Decision, Draft
from pipelines.core.lifecycle import YES, FindType, Lifecycle
from pipelines.core.plan import Failed, Intent, Outcome, Succeeded
from pipelines.core.snapshot import Snapshot, Step, StepStatus
from pipelines.core.status import Status


@dataclass(frozen=True, slots=True)
class Performed:
    """What trying a step gave."""

    step_id: str
    outcome: Outcome


def decide(snapshot: Snapshot, now: datetime, find_type: FindType, performed: Performed | None = None) -> Decision:
    """What follows from `snapshot` at `now` (the database's clock). Never raises for what users do; see IllegalMove."""
    draft = Draft.of(snapshot, now)
    rules = _Rules(draft, find_type)
    if performed is not None:
        rules.life.record(draft.steps[performed.step_id], performed.outcome)
    rules.settle(performed.step_id if performed else "")
    return rules.conclude()


def write_intent(decision: Decision, intent: Intent) -> Decision:
    """The same decision with the step about to be performed in INTENT."""
    assert decision.perform is not None
    draft = Draft.of(decision.after, decision.now)
    draft.changed_stages, draft.new_stages = set(decision.changed_stages), set(decision.new_stages)
    draft.changed_steps, draft.new_steps = set(decision.changed_steps), set(decision.new_steps)
    draft.events = list(decision.events)
    request = {"request": intent.request, "summary": intent.summary, "lock": intent.lock}
    if intent.claim:
        request["claim"] = intent.claim
    step = draft.steps[decision.perform]
    draft.set_step(step, status=StepStatus.INTENT, intent=request, lock=intent.lock, message=intent.summary)
    return draft.decision(decision.perform, decision.may_act, None)


class _Rules:
    def __init__(self, draft: Draft, find_type: FindType) -> None:
        self.draft = draft
        self.life = Lifecycle(draft, find_type)
        #: The execution is to end; only effects not yet decided are still looked at.
        self.is_ending = False

    # the execution as a whole

    def settle(self, tried: str) -> None:
        """Move everything that can move now, until nothing does. `tried` is the id of the step just tried, or ""."""
        draft = self.draft
        if draft.execution.status.is_complete:
            return
        if draft.execution.is_cancel_requested:
            self._give_up_finding_out(tried)
            self._end_unless_undecided(Status.CANCELED)
            return
        if draft.execution.status is Status.NOT_STARTED:
            draft.move_execution(Status.RUNNING)
        self._time_out()
        moved = True
        while moved:
            count = len(draft.events)
            for stage in list(draft.stages.values()):
                if not stage.status.is_complete:
                    self.life.advance(draft.stages[stage.id])
            moved = len(draft.events) != count
        if status := self._verdict():
            self._end_unless_undecided(status)

    def _end_unless_undecided(self, status: Status) -> None:
        self.is_ending = True
        if not self.life.undecided():
            self._end_execution(status)

    def _time_out(self) -> None:
        for step in self._out_of_time():
            stage, message = self.draft.stages[step.stage_id], self._why_out_of_time(step)
            if stage.context.get("markSuccessfulOnTimeout") in YES:
                self.life.record(step, Succeeded(note=message))
            elif not self.life.call_off(step, message):
                self.life.record(step, Failed(message))

    def _give_up_finding_out(self, tried: str) -> None:
        """A cancel waits for an effect's outcome no longer than the effect may take, and for one look after that."""
        for step in self._out_of_time():
            if step.status is not StepStatus.INTENT:
                continue
            if step.id == tried:
                self.life.record(step, Failed(self._why_out_of_time(step), status=Status.CANCELED))
            else:
                self.draft.set_step(step, due_at=None)

    def _out_of_time(self) -> list[Step]:
        """Open steps past their deadline, without those that are being called off: these have had their time."""
        now, steps = self.draft.now, self.draft.steps.values()
        timed = [step for step in steps if step.status.is_open and step.status is not StepStatus.STOPPING]
        return [step for step in timed if step.deadline is not None and step.deadline <= now]

    def _why_out_of_time(self, step: Step) -> str:
        assert step.deadline is not None
        took = (step.deadline - step.started_at).total_seconds()
        message = f"{step.name} of {self.draft.stages[step.stage_id].name} timed out after {took:g} s."
        if step.waiting_for:
            message += f" Still waiting for {step.waiting_for}."
        if step.status is StepStatus.INTENT:
            message += f" It is not known whether this was done: {step.message}."
        return message

    def _verdict(self) -> Status | None:
        tops = [stage for stage in self.draft.stages.values() if stage.parent_id is None]
        statuses = {stage.status for stage in tops}
        if not tops or Status.TERMINAL in statuses:
            return Status.TERMINAL
        if all(status.opens_the_way for status in statuses):
            return Status.SUCCEEDED
        if Status.CANCELED in statuses:
            return Status.CANCELED
        stopped = [stage for stage in tops if stage.status is Status.STOPPED]
        if not stopped or Status.RUNNING in statuses:
            return None
        if any(stage.status is Status.NOT_STARTED and self.life.is_ready(stage) for stage in tops):
            return None
        fails = any(stage.context.get("completeOtherBranchesThenFail") in YES for stage in stopped)
        return Status.TERMINAL if fails else Status.SUCCEEDED

    def _end_execution(self, status: Status) -> None:
        for stage in list(self.draft.stages.values()):
            if stage.parent_id is None and stage.status is Status.RUNNING:
                self.life.cancel(stage)
        self.draft.move_execution(status, self._why(status))

    def _why(self, status: Status) -> str:
        if not self.draft.stages:
            return "This pipeline has no stages."
        if status is not Status.TERMINAL:
            return ""
        failed = [stage for stage in self.draft.stages.values() if stage.status in (Status.TERMINAL, Status.STOPPED)]
        return f"{failed[0].name}: {failed[0].message}" if failed else ""

    # what to do next

    def conclude(self) -> Decision:
        draft = self.draft
        if draft.execution.status.is_complete:
            return draft.decision(None, True, None)
        open_steps = [step for step in draft.steps.values() if step.status.is_open]
        if self.is_ending:
            open_steps = self.life.undecided()
        ready = [step for step in open_steps if self._is_due(step)]
        if ready:
            step = min(ready, key=lambda step: step.due_at or step.started_at)
            may_act = not self.is_ending and not self.life.is_called_off(draft.stages[step.stage_id])
            return draft.decision(step.id, may_act, None)
        return draft.decision(None, True, min(filter(None, map(_next_look, open_steps)), default=None))

    def _is_due(self, step: Step) -> bool:
        if step.due_at is not None:
            return step.due_at <= self.draft.now
        return step.status in (StepStatus.PENDING, StepStatus.INTENT, StepStatus.STOPPING)


def _next_look(step: Step) -> datetime | None:
    """When a step falls due or runs out of time; what is being called off has had its time."""
    deadline = None if step.status is StepStatus.STOPPING else step.deadline
    return min(filter(None, (step.due_at, deadline)), default=None)
