"""What an execution would do, found by running it: the same stages and rules, on copies of the clouds, and undone.

Clouds are copied into memory when they are first looked at (clusters.providers.rehearsal), rows are written in a
transaction that is rolled back, waits take no time. What acts on anything else (a build, a script, another pipeline) is
not done: it is taken to succeed, and so are people's judgments.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from django.db import transaction

from clusters.core.differences import Difference
from clusters.operations import Copies, rehearsing
from pipelines.core.decide import Performed, decide, write_intent
from pipelines.core.draft import Decision
from pipelines.core.plan import Effect, Intent, Outcome, Running, Succeeded
from pipelines.core.snapshot import Snapshot, Step
from pipelines.core.status import Status
from pipelines.engine import steps
from pipelines.engine.admit import Admission, engine_now
from pipelines.engine.lease import Lease
from pipelines.engine.store import Loaded
from pipelines.models.ids import to_ulid, uuid7
from pipelines.stages import find as find_type

#: Longest a rehearsal may take, real seconds (a cloud that does not answer is asked again), and the most looks.
SECONDS = 5.0
MOST_LOOKS = 3000
FAILURES = frozenset({Status.TERMINAL, Status.STOPPED, Status.FAILED_CONTINUE})
ASSUMED = Succeeded(note="It is taken for granted that this succeeds.")


class Kind(StrEnum):
    CHANGE = "change"
    WAIT = "wait"
    ASSUMED = "assumed"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing foreseen: by which stage, what, and what it changes."""

    kind: Kind
    ref: str
    stage: str
    text: str
    changes: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How it would end, and what would be done in this order. `message` says why when it would not succeed."""

    status: Status
    message: str
    lines: tuple[Line, ...]


def rehearse(admission: Admission) -> Rehearsal:
    """Changes nothing. Provider errors become what the stage would say of them."""
    with transaction.atomic():
        try:
            with rehearsing() as copies:
                return _Run(admission, copies, engine_now()).to_the_end()
        finally:
            transaction.set_rollback(True)


@dataclass(slots=True)
class _Run:
    admission: Admission
    copies: Copies
    now: datetime
    lines: list[Line] = field(default_factory=list)
    #: Stages of which an effect was taken for granted: what their later steps would find is not known.
    assumed: set[str] = field(default_factory=set)
    #: Steps whose wait was told, and stages whose failure was.
    told: set[str] = field(default_factory=set)

    def to_the_end(self) -> Rehearsal:
        execution_id = uuid7()
        snapshot = self.admission.as_snapshot(to_ulid(execution_id))
        lease = Lease(execution_id, 0, math.inf)
        performed: Performed | None = None
        until = time.monotonic() + SECONDS
        for _ in range(MOST_LOOKS):
            decision = decide(snapshot, self.now, find_type, performed)
            snapshot = decision.after
            self._tell_failures(snapshot)
            if snapshot.execution.status.is_complete:
                return Rehearsal(snapshot.execution.status, snapshot.execution.message, tuple(self.lines))
            if time.monotonic() > until:
                break
            if decision.perform:
                snapshot, performed = self._try(decision, decision.perform, lease)
            elif times := [step.due_at for step in _open(snapshot) if step.due_at]:
                self.now, performed = max(self.now, min(times)), None
            else:  # only somebody or a time limit would go on from here
                performed = Performed(self._tell_assumed(snapshot).id, ASSUMED)
        return Rehearsal(Status.RUNNING, "This goes on for longer than can be rehearsed.", tuple(self.lines))

    def _try(self, decision: Decision, step_id: str, lease: Lease) -> tuple[Snapshot, Performed]:
        step = decision.after.steps[step_id]
        if step.stage_id in self.assumed:
            return decision.after, Performed(step_id, ASSUMED)
        tried = steps.attempt(Loaded(decision.after, self.now), step_id)
        if not isinstance(tried, steps.Attempt):
            return decision.after, Performed(step_id, tried)
        if tried.needs_intent:
            intent = steps.plan(tried)
            if not isinstance(intent, Intent):
                return decision.after, Performed(step_id, intent)
            if isinstance(tried.spec, Effect) and not tried.spec.is_rehearsable:
                self._tell(Kind.ASSUMED, decision.after, step, intent.summary)
                self.assumed.add(step.stage_id)
                return decision.after, Performed(step_id, ASSUMED)
            decision = write_intent(decision, intent)
            lease.own_intents.add(step_id)
        return decision.after, Performed(step_id, self._perform(decision.after, step_id, lease))

    def _perform(self, snapshot: Snapshot, step_id: str, lease: Lease) -> Outcome:
        step = snapshot.steps[step_id]
        tried = steps.attempt(Loaded(snapshot, self.now), step_id)
        if not isinstance(tried, steps.Attempt):
            return tried
        self.copies.changes()  # what the clouds did by themselves is not this step's doing
        outcome = steps.perform(tried, lease, may_act=True)
        if tried.step.intent is not None:
            if changes := tuple(self.copies.changes()):
                self._tell(Kind.CHANGE, snapshot, step, step.message, changes)
            elif not isinstance(outcome, Running):
                self._tell(Kind.CHANGE, snapshot, step, step.message)
        elif isinstance(outcome, Running) and step_id not in self.told:
            self.told.add(step_id)
            self._tell(Kind.WAIT, snapshot, step, f"waits for {outcome.waiting_for}")
        return outcome

    def _tell_assumed(self, snapshot: Snapshot) -> Step:
        """Whoever it waits for says yes."""
        step = next(_open(snapshot))
        self._tell(Kind.ASSUMED, snapshot, step, f"waits for {step.waiting_for}" if step.waiting_for else step.name)
        return step

    def _tell_failures(self, snapshot: Snapshot) -> None:
        for stage in snapshot.stages.values():
            if stage.status in FAILURES and stage.id not in self.told and stage.message:
                self.told.add(stage.id)
                self.lines.append(Line(Kind.FAILURE, stage.ref, stage.name, stage.message))

    def _tell(
        self, kind: Kind, snapshot: Snapshot, step: Step, text: str, changes: tuple[Difference, ...] = ()
    ) -> None:
        stage = snapshot.stages[step.stage_id]
        self.lines.append(Line(kind, stage.ref, stage.name, text, changes))


def _open(snapshot: Snapshot) -> Iterator[Step]:
    return (step for step in snapshot.steps.values() if step.status.is_open)
