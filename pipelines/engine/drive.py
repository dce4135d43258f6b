"""drive(): claim an execution, decide, write, try one step, again, until nothing is due; no queue in between."""

from __future__ import annotations

import logging
import threading
import time
import uuid

from django.db import transaction

from pipelines.core.decide import Performed, decide, write_intent
from pipelines.core.draft import Decision
from pipelines.core.plan import Intent, Outcome, Running
from pipelines.engine import outbox, steps, store
from pipelines.engine.lease import HEARTBEAT, Lease, Stale, claim
from pipelines.models.work import WAIT_PREFIX
from pipelines.stages import find as find_type

log = logging.getLogger(__name__)

#: A drive that goes on longer gives way to others and is hinted again.
SECONDS_AT_A_TIME = 60

#: Pages need not hear of changes more often than this.
NEWS_SECONDS = 0.05

#: Set when this process is to end: leases are given back between two steps.
STOPPING = threading.Event()


def drive(execution_id: uuid.UUID) -> bool:
    """Move the execution as far as it goes now. False when it was not ours to move."""
    lease = claim(execution_id)
    if lease is None:
        return False
    HEARTBEAT.hold(lease)
    try:
        _drive(lease)
    except Stale:
        log.warning("execution %s was taken over", execution_id)
    finally:
        HEARTBEAT.drop(lease)
    return True


def _drive(lease: Lease) -> None:
    loaded = store.load(lease)
    performed: Performed | None = None
    until = time.monotonic() + SECONDS_AT_A_TIME
    news = _News()
    while True:
        decision = decide(loaded.snapshot, loaded.now, find_type, performed)
        if decision.perform and (STOPPING.is_set() or time.monotonic() > until):
            _give_way(lease, decision)
            return
        try:
            loaded, decision, outcome = _write(lease, decision)
        except store.Overtaken:
            loaded = store.load(lease)
            performed = _still_holds(loaded, performed)
            continue
        _tell_workers(decision)
        news.tell(loaded, decision)
        if decision.perform is None:
            return
        performed = Performed(decision.perform, outcome or _perform(lease, loaded, decision))


def _still_holds(loaded: store.Loaded, performed: Performed | None) -> Performed | None:
    """None for a look that found nothing yet: what was said meanwhile may be what it looked for."""
    if performed is None or not isinstance(performed.outcome, Running):
        return performed
    return None if loaded.snapshot.steps[performed.step_id].kind == "observe" else performed


def _tell_workers(decision: Decision) -> None:
    """A step has begun to wait for work: somebody may take it up."""
    steps = (decision.after.steps[step_id] for step_id in decision.changed_steps)
    if any(step.wait_key.startswith(WAIT_PREFIX) and step.tries == 1 for step in steps):
        outbox.hint_work()


class _News:
    """Tells open pages what was written: at once before an effect and at the end, else at most each NEWS_SECONDS."""

    def __init__(self) -> None:
        self._is_due = False
        self._told_at = 0.0

    def tell(self, loaded: store.Loaded, decision: Decision) -> None:
        self._is_due = self._is_due or bool(decision.events)
        step = loaded.snapshot.steps.get(decision.perform or "")
        may_wait = step is not None and step.kind == "observe" and time.monotonic() < self._told_at + NEWS_SECONDS
        if self._is_due and not may_wait:
            execution = loaded.snapshot.execution
            outbox.publish(f"execution:{execution.id}", f"app:{execution.application}")
            self._is_due, self._told_at = False, time.monotonic()


def _write(lease: Lease, decision: Decision) -> tuple[store.Loaded, Decision, Outcome | None]:
    """Store the decision, an effect's intent with it. An outcome is given when the step ended before it could begin."""
    if decision.perform is None or decision.after.steps[decision.perform].kind == "observe":
        return store.apply(lease, decision), decision, None
    with transaction.atomic():
        tried = steps.attempt(store.Loaded(decision.after, decision.now), decision.perform)
        if not isinstance(tried, steps.Attempt):
            return store.apply(lease, decision), decision, tried
        if not tried.needs_intent:
            return store.apply(lease, decision), decision, None
        intent = steps.intend(tried)
        if not isinstance(intent, Intent):
            return store.apply(lease, decision), decision, intent
        decision = write_intent(decision, intent)
        loaded = store.apply(lease, decision)
    lease.own_intents.add(tried.step.id)
    return loaded, decision, None


def _perform(lease: Lease, loaded: store.Loaded, decision: Decision) -> Outcome:
    assert decision.perform is not None
    tried = steps.attempt(loaded, decision.perform)
    if not isinstance(tried, steps.Attempt):
        return tried
    return steps.perform(tried, lease, may_act=decision.may_act)


def _give_way(lease: Lease, decision: Decision) -> None:
    """Write what is decided, but let somebody else go on: due at once, lease given back."""
    try:
        store.apply(lease, decision.put_off())
    except store.Overtaken:
        lease.give_back()
    outbox.hint(lease.execution_id)
