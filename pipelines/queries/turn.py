"""Manual judgments that wait: which the actor may answer, and who else may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import F

from clusters.trust.permissions import Actor
from pipelines.core.judging import required_roles
from pipelines.core.sentences import JUDGMENT, Judges
from pipelines.core.snapshot import StepStatus
from pipelines.core.status import Status
from pipelines.models import Execution, Step
from pipelines.queries import visible
from pipelines.queries.runs import Run, listed, with_stages

#: So many at most are shown and counted.
MOST = 100

_COLUMNS = ("ref", "name", "execution__id", "execution__name", "execution__number", "execution__application")


def your_turn(actor: Actor) -> list[Run]:
    """Executions that wait for an answer the actor may give, the longest waiting first."""
    ids = {step.stage.execution_id for step in asked(actor)}
    executions = listed(Execution.objects.filter(id__in=ids)).order_by("id")
    return with_stages(list(executions))


def asked(actor: Actor) -> list[Step]:
    """Open judgments the actor may answer, with stage and execution, the longest waiting first; two queries."""
    names = visible.runnable_names(actor)
    return [step for step in _open(names) if may_answer(actor, step.stage.context)] if names else []


def may_answer(actor: Actor, context: Mapping[str, Any]) -> bool:
    """True when the actor holds all roles a judgment asks for; EXECUTE on the application is asked separately."""
    return actor.is_superuser or set(required_roles(context)) <= actor.roles


def judges(actor: Actor, allowed: frozenset[str], context: Mapping[str, Any]) -> Judges:
    """People who may answer, the reader first as "you". `allowed`: roles with EXECUTE on the application. One query."""
    needed = set(required_roles(context))
    holders = get_user_model().objects.filter(is_active=True, groups__name__in={*allowed, *needed})
    users = holders.annotate(roles=ArrayAgg("groups__name")).only("username", "first_name", "last_name")
    people = [
        "you" if user.pk == actor.user_id else user.get_full_name() or user.get_username()
        for user in users.order_by("username")
        if needed <= set(user.roles) and not set(user.roles).isdisjoint(allowed)
    ]
    if actor.is_superuser and "you" not in people:
        people.append("you")
    people.sort(key=lambda name: name != "you")
    return Judges(people, sorted(needed), "you" in people)


def _open(application_names: set[str]) -> Iterable[Step]:
    steps = (
        Step.objects.filter(
            wait_key__startswith="judgment:",
            status=StepStatus.RUNNING,
            stage__type_key=JUDGMENT,
            stage__judgment=None,
            stage__execution__status=Status.RUNNING,
            stage__execution__cancel_requested_at=None,
            stage__execution__application__in=application_names,
        )
        .select_related("stage__execution")
        .only("id", "started_at", *(f"stage__{column}" for column in _COLUMNS))
        .annotate(required=F("stage__context__requiredJudgmentRoles"), selected=F("stage__context__selectedStageRoles"))
        .order_by("started_at")[:MOST]
    )
    for step in steps:
        step.stage.context = {"requiredJudgmentRoles": step.required, "selectedStageRoles": step.selected}
        yield step
