"""Try one step: look at the world, or write down what is to be done, do it, and after a crash find out.

Turns what stage types raise into outcomes. StepFailed is the user's world; anything else is our bug: logged in full,
shown as one sentence with a reference. Database errors and a lost lease pass: the drive ends as if the process had
crashed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import Error, transaction

from clusters.operations import claims, locks
from clusters.trust.permissions import Refused
from pipelines.core.plan import Absent, Effect, Failed, Intent, Observe, Outcome, Running, StepFailed, StepView
from pipelines.core.snapshot import Snapshot, Step, StepStatus
from pipelines.core.status import Status
from pipelines.core.view import step_view
from pipelines.engine import kin
from pipelines.engine.lease import Lease, Stale
from pipelines.engine.store import Loaded
from pipelines.models import Execution
from pipelines.models.ids import from_ulid
from pipelines.stages import find as find_type

T = TypeVar("T")

#: Seconds between two tries of a step that may yet work.
LONGEST_PAUSE = 15.0
#: Seconds until a step looks again whether a cluster is free, and how what it waits for begins in its wait_key.
CLAIM_PAUSE, CLAIM = 2.0, "claim"

log = logging.getLogger(__name__)


class Busy(Exception):
    """Another operation holds the cluster; the message says which."""


class Claimed(Exception):
    """Another deployment has the cluster to itself; the message says which, `key` is the claim's."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True)
class Attempt:
    """A step with its spec and config, ready to be tried."""

    step: Step
    view: StepView
    spec: Observe | Effect
    config: Any

    @property
    def needs_intent(self) -> bool:
        return isinstance(self.spec, Effect) and self.step.status is not StepStatus.INTENT


def attempt(loaded: Loaded, step_id: str) -> Attempt | Outcome:
    """The step ready to be tried, or a failure when its stage type no longer knows it."""
    snapshot: Snapshot = loaded.snapshot
    step = snapshot.steps[step_id]
    stage = snapshot.stages[step.stage_id]
    stage_type = find_type(stage.type_key)
    if stage_type is None:
        return Failed(f"There is no stage type {stage.type_key!r} here any more.")
    try:
        config = stage_type.parse(stage.context)
        spec = next((spec for spec in stage_type.steps(config) if spec.name == step.name), None)
    except StepFailed as error:
        return Failed(error.message)
    if spec is None:
        return Failed(f"Stage type {stage.type_key!r} no longer has a step {step.name!r}.")
    return Attempt(step, step_view(snapshot.execution, snapshot.stages, step, loaded.now), spec, config)


def intend(tried: Attempt) -> Intent | Outcome:
    """Inside a transaction: the effect's request with its cluster locked, or why not (nothing written then).

    Asked twice: once, and undone, to learn which cluster; then under its lock, so that what the request rests on
    cannot be changed by another operation any more.
    """
    assert isinstance(tried.spec, Effect)
    effect = tried.spec

    def write_down() -> Intent:
        with transaction.atomic():
            before = transaction.savepoint()
            intent = effect.intend(tried.view, tried.config)
            if intent.claim:
                _claim(tried, intent.claim)
            if not intent.lock:
                return intent
            transaction.savepoint_rollback(before)
            if not locks.acquire(intent.lock, tried.view.token, intent.summary):
                raise Busy(locks.holder(intent.lock))
            return effect.intend(tried.view, tried.config)

    return _translated(write_down, tried)


def _claim(tried: Attempt, key: str) -> None:
    """Raises Claimed. Within the claim of a custom strategy, whose pipeline does the work, each has one more."""
    stage = tried.view.stage
    run = Execution.objects.only("name", "number", "started_by").get(pk=from_ulid(stage.execution_id))
    held = claims.acquire(
        key,
        stage.stage_id,
        within=lambda: kin.above(stage.stage_id),
        execution_id=stage.execution_id,
        application=stage.application,
        summary=f"{run}, {stage.name}, started by {run.started_by}",
        now=tried.view.now,
    )
    if held is None:
        return
    told = f"{held.summary} (since {held.claimed_at:%H:%M} UTC)"
    until = f"; it waits until {tried.step.deadline:%H:%M} UTC at most" if tried.step.deadline else ""
    raise Claimed(f"{told} to end{until}. Take over to cancel that one", held.key)


def plan(tried: Attempt) -> Intent | Outcome:
    """Inside a transaction that will be undone: what `intend` would write down, whoever holds the cluster."""
    assert isinstance(tried.spec, Effect)
    effect = tried.spec
    return _translated(lambda: effect.intend(tried.view, tried.config), tried)


def perform(tried: Attempt, lease: Lease, *, may_act: bool) -> Outcome:
    """Look, or do. An effect found in INTENT by a new holder is looked for first, and done only if surely absent."""
    if isinstance(tried.spec, Observe):
        look = tried.spec.check
        if tried.step.status is StepStatus.STOPPING:
            look = tried.spec.call_off or look
        return _translated(lambda: look(tried.view, tried.config), tried)
    return _translated(lambda: _act(tried, lease, may_act), tried)


def _act(tried: Attempt, lease: Lease, may_act: bool) -> Outcome:
    assert isinstance(tried.spec, Effect)
    assert tried.step.intent is not None
    intent = Intent(**tried.step.intent)
    if not may_act or tried.step.tries or tried.step.due_at or _is_inherited(tried, lease):
        found = tried.spec.find(intent, tried.view)
        if not isinstance(found, Absent):
            return found
        if not may_act:
            return Failed("Called off, and nothing was found of it.", status=Status.CANCELED)
    lease.make_fresh()
    return tried.spec.perform(intent, tried.view)


def _is_inherited(tried: Attempt, lease: Lease) -> bool:
    """True when another holder wrote this intent: it may have acted before it went away."""
    return tried.step.id not in lease.own_intents


def _translated(act: Callable[[], T], tried: Attempt) -> T | Outcome:
    try:
        return act()
    except StepFailed as error:
        if not error.is_retryable:
            return Failed(error.message)
        pause = min(0.5 * 2 ** min(tried.step.tries, 10), LONGEST_PAUSE)
        return Running(f"another try of {tried.spec.name}: {error.message}", again_in=pause)
    except Busy as error:
        return Running(f"{error} to end on this cluster", again_in=0.5)
    except Claimed as error:
        return Running(str(error), again_in=CLAIM_PAUSE, wait_key=f"{CLAIM}:{error.key}")
    except Refused as error:
        return Failed(error.message)
    except (Error, Stale):
        raise
    except Exception:
        log.exception("step %s of execution %s broke", tried.step.name, tried.view.stage.execution_id)
        return Failed(f"{tried.step.name} broke by a fault of this program; see the log for {tried.view.token}.")
