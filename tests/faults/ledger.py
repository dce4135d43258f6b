"""The books after a run: what must hold whatever happened, and the part that is the same as without a fault."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from clusters.core.values import Health
from clusters.models import AuditEntry, ClusterClaim, NameReservation, OpLock
from clusters.providers.base import TOKEN_TAG
from pipelines.models import Execution, Step
from tests.clouds import wait_until
from tests.faults.ground import Ground
from tests.faults.watch import Watch

#: What an effect of several calls tells in between. After a crash it counts anew those that are left to make.
PROGRESS = " [0-9]+ of [0-9]+ done$"


@dataclass(frozen=True)
class Ledger:
    """Equal for two runs exactly when the same things happened, each as often, to resources of the same names."""

    stages: list[tuple[Any, ...]]
    steps: list[tuple[Any, ...]]
    history: Counter[tuple[Any, ...]]
    audit: Counter[tuple[Any, ...]]
    cloud: list[tuple[Any, ...]]

    @classmethod
    def of(cls, watch: Watch, ground: Ground) -> Ledger:
        execution = watch.execution
        execution.refresh_from_db()
        check(execution, ground)
        check_fences(watch)
        name = execution.application
        return cls(
            list(execution.stages.order_by("ref").values_list("ref", "attempt", "type_key", "status")),
            list(_steps(execution).order_by("stage__ref", "n").values_list("stage__ref", "n", "name", "status")),
            Counter(_unnamed(name, _made(execution).exclude(message__regex=PROGRESS))),
            Counter(_unnamed(name, _audit(name).values_list("actor", "action", "object_id", "result"))),
            list(_unnamed(name, _cloud(ground, name))),
        )


def check(execution: Execution, ground: Ground) -> None:
    assert (execution.status, execution.attention_reason) == ("SUCCEEDED", ""), execution.message
    assert (execution.lease_until, execution.due_at) == (None, None)
    assert not OpLock.objects.exists()
    assert not ClusterClaim.objects.exists()
    assert {stage.status for stage in execution.stages.all()} == {"SUCCEEDED"}
    assert {step.status for step in _steps(execution)} == {"DONE"}
    check_history(execution)
    check_cloud(execution, ground)


def check_history(execution: Execution) -> None:
    """It is whole and in order, no move was made twice, and replaying it gives what is stored."""
    events = list(execution.events.order_by("seq"))
    assert [event.seq for event in events] == list(range(1, execution.last_seq + 1))
    epochs = [event.epoch for event in events if event.epoch]
    assert epochs == sorted(epochs)
    # An effect of several calls tells after each what is left of it.
    moves = Counter((*move, message * (move[-1] == "INTENT")) for *move, message in _made(execution))
    assert [move for move, count in moves.items() if count > 1] == []
    told = {(event.kind, event.ref, event.attempt, event.step): event.status for event in events}
    assert told["execution", "", execution.attempt, ""] == execution.status
    for stage in execution.stages.all():
        assert told.get(("stage", stage.ref, stage.attempt, ""), "NOT_STARTED") == stage.status
    for step in _steps(execution).select_related("stage"):
        assert told["step", step.stage.ref, step.stage.attempt, step.name] == step.status


def check_fences(watch: Watch) -> None:
    """Once somebody held it under a new epoch, nothing was written under an old one."""
    for epoch, seq in watch.fences.items():
        late = watch.execution.events.filter(seq__gt=seq, epoch__gt=0, epoch__lt=epoch)
        assert not list(late), f"written under an epoch before {epoch}"


def check_cloud(execution: Execution, ground: Ground) -> None:
    """Every server group stood before or belongs to a step that knows of it, and runs as many instances as it should."""
    groups = wait_until(lambda: _settled(ground, execution.application))
    for group in groups:
        assert len(group.instances) == group.capacity.desired, group
    made = _steps(execution).filter(name__in=("createServerGroup", "cloneServerGroup"), status="DONE")
    tags = sorted((group.tags[TOKEN_TAG], group.name) for group in groups)
    tags = [(token, name) for token, name in tags if not token.startswith("before ")]
    assert tags == sorted(_reserved(execution.application).values_list("token", "name"))
    assert [token for token, _ in tags] == sorted(made.values_list("token", flat=True))


def _reserved(application: str) -> Any:
    return NameReservation.objects.filter(name__startswith=f"{application}-")


def _settled(ground: Ground, application: str) -> list[Any]:
    """[] while something still starts or ends."""
    groups = ground.groups(application)
    healths = {one.health for group in groups for one in group.instances if not group.is_disabled}
    is_settled = healths <= {Health.UP} and not any(group.count(Health.DRAINING) for group in groups)
    return groups if is_settled and not any(group.is_being_destroyed for group in groups) else []


def _cloud(ground: Ground, application: str) -> Iterable[tuple[Any, ...]]:
    for group in sorted(ground.groups(application), key=lambda group: group.name):
        processes = sorted(group.suspended_processes)
        place = group.name, group.image_id, group.capacity, group.is_disabled, processes, group.load_balancers
        yield *place, sorted(group.patches.items())


def _steps(execution: Execution) -> Any:
    return Step.objects.filter(stage__execution=execution)


def _moves(execution: Execution) -> Any:
    """Without what steps waited for: how often somebody looked, and what there was to see, is chance."""
    return execution.events.exclude(kind="step", status="RUNNING")


def _made(execution: Execution) -> Any:
    return _moves(execution).values_list("kind", "ref", "attempt", "step", "status", "message")


def _audit(application: str) -> Any:
    return AuditEntry.objects.filter(application=application)


def _unnamed(application: str, rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The same rows, whichever application they are of and whatever its instances are called."""

    def told(part: Any) -> Any:
        return _INSTANCE.sub("i-", part.replace(application, "app")) if isinstance(part, str) else part

    return [tuple(map(told, row)) for row in rows]


_INSTANCE = re.compile(r"\bi-[0-9a-f]{16}\b")
