"""What an actor may see, and what they may run. Everything else here starts from these."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from clusters.models import Application, ApplicationPermission
from clusters.trust.permissions import EXECUTE, Actor
from pipelines.models import Execution, Pipeline


def application(actor: Actor, name: str) -> Application:
    """Raises Application.DoesNotExist, also when the actor may not see it."""
    return Application.objects.visible_to(actor).select_related("owner_role").get(name=name)


def pipelines(actor: Actor) -> QuerySet[Pipeline]:
    return Pipeline.objects.filter(application__in=Application.objects.visible_to(actor)).select_related(
        "application__owner_role"
    )


def executions(actor: Actor) -> QuerySet[Execution]:
    """A superuser sees also those whose application is gone."""
    if actor.is_superuser:
        return Execution.objects.all()
    return Execution.objects.filter(application__in=Application.objects.visible_to(actor).values("name"))


def runnable_names(actor: Actor) -> set[str]:
    """Names of the applications on which the actor may start, judge and cancel."""
    applications = Application.objects.all()
    if not actor.is_superuser:
        granted = ApplicationPermission.objects.filter(
            application=OuterRef("pk"), role__name__in=actor.roles, authorization__in=EXECUTE.granted_by
        )
        applications = applications.filter(Q(owner_role__name__in=actor.roles) | Exists(granted))
    return set(applications.values_list("name", flat=True))


def roles_that_execute(application_name: str) -> frozenset[str]:
    """Roles whose holders may start, judge and cancel there; one query."""
    granted = ApplicationPermission.objects.filter(
        application__name=application_name, authorization__in=EXECUTE.granted_by
    )
    owners = Application.objects.filter(name=application_name, owner_role__isnull=False)
    return frozenset(
        name for (name,) in granted.values_list("role__name").union(owners.values_list("owner_role__name"))
    )


def may_execute(actor: Actor, application_name: str) -> bool:
    return actor.is_superuser or not actor.roles.isdisjoint(roles_that_execute(application_name))
