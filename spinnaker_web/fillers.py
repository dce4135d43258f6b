"""What pipelines have to say on cluster pages; apps.py puts these into the slots."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models.fields.json import KT
from django.urls import reverse
from django.utils import timezone

from clusters.core import naming
from clusters.core.looks import Look
from clusters.models import Application, AuditEntry, ClusterClaim, ServerGroup
from clusters.slots import Badge, Note
from clusters.trust.requests import Request
from pipelines.core.status import Status
from pipelines.models import Execution, Stage
from pipelines.models.execution import OPEN
from pipelines.models.ids import from_ulid
from spinnaker_web.page import asked

DONE = Look("Done", "good", "ok")
MOST_RECENT = 5

#: Where stages say which cluster or server group they are about.
_NAMES = ("cluster", "moniker__cluster", "serverGroupName", "asgName")


def needs(request: Request) -> list[Note]:
    """Judgments the reader may give, then what they started and what failed within a day."""
    return [*_judgments(request), *_failures(request)]


def badges(request: Request, application: Application) -> dict[str, Badge]:
    """By cluster: the stage that works on it right now, else the deployment that claims it; two queries a page."""
    names = {f"in_{name}": KT(f"context__{name}") for name in _NAMES}
    running = Stage.objects.filter(
        execution__application=application.name, execution__status__in=OPEN, status=Status.RUNNING
    )
    found: dict[str, Badge] = {}
    for row in running.annotate(**names).values("name", "execution_id", *names).order_by("position"):
        named = next((row[column] for column in names if row[column]), None)
        if named:
            moniker = naming.parse(named)
            url = reverse("pipelines:execution", args=[Execution(id=row["execution_id"]).ulid])
            found[moniker.cluster if moniker else named] = Badge(Look(row["name"], "run", "run"), url)
    for claim in ClusterClaim.objects.filter(application=application.name):
        cluster = claim.key.split(":", 2)[2].partition("@")[0]
        url = reverse("pipelines:execution", args=[claim.execution_id])
        found.setdefault(cluster, Badge(Look(f"Claimed by {claim.summary}", "run", "run"), url))
    return found


def recent(request: Request, application: Application, group: ServerGroup) -> list[Note]:
    """What executions lately did to a server group, from the audit."""
    place = f"{group.account_id}/{group.region}/{group.name}"
    entries = AuditEntry.objects.filter(application=application.name, object_type="server_group", object_id=place)
    return [
        Note(
            DONE,
            entry.action.partition(".")[2].replace("_", " ").capitalize(),
            f"by {entry.actor}",
            reverse("pipelines:execution", args=[entry.execution_id]) if _is_ulid(entry.execution_id) else "",
            at=entry.at,
        )
        for entry in entries[:MOST_RECENT]
    ]


def _judgments(request: Request) -> list[Note]:
    return [
        Note(
            Look("Your turn", "ask", "ask"),
            f"{step.stage.execution.name} #{step.stage.execution.number}",
            f"{step.stage.name} in {step.stage.execution.application}, waiting since",
            reverse("pipelines:judge", args=[step.stage.execution.ulid, step.stage.ref]),
            "Judge",
            step.started_at,
        )
        for step in asked(request)
    ]


def _failures(request: Request) -> list[Note]:
    failed: Any = Execution.objects.filter(
        status=Status.TERMINAL,
        started_by=request.actor.username,
        ended_at__gte=timezone.now() - timedelta(days=1),
        application__in=Application.objects.visible_to(request.actor).values("name"),
    )
    return [
        Note(
            execution.look,
            f"{execution.name} #{execution.number}",
            f"in {execution.application}, which you started; ended",
            reverse("pipelines:execution", args=[execution.ulid]),
            at=execution.ended_at,
        )
        for execution in failed.only("id", "name", "number", "application", "status", "ended_at").order_by("-id")[:20]
    ]


def _is_ulid(text: str) -> bool:
    try:
        from_ulid(text)
    except ValueError:
        return False
    return True
