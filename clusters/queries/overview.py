"""All applications at a glance: how many instances are up, what is unwell, what was deployed last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from clusters.core.looks import UNHEALTHY, Counts, of_server_group
from clusters.models import Application, ServerGroup
from clusters.queries.pages import accounts_for, applications_for
from clusters.trust.permissions import Actor

_COLUMNS = (
    "application", "account_id", "region", "name", "package", "version", "desired_size",
    "is_disabled", "is_being_destroyed", "up", "down", "starting", "out_of_service", "draining", "unknown",
    "created_at",
)  # fmt: skip


@dataclass(slots=True)
class Overview:
    """Counts are over enabled server groups; `newest` is the one created last, enabled or not."""

    application: Application
    up: int = 0
    wanted: int = 0
    newest: ServerGroup | None = None
    unhealthy: list[ServerGroup] = field(default_factory=list)

    def add(self, group: ServerGroup) -> None:
        if self.newest is None or group.created_at > self.newest.created_at:
            self.newest = group
        if group.is_disabled or group.is_being_destroyed:
            return
        self.up += group.up
        self.wanted += max(group.desired_size, group.up)
        counts = Counts(group.up, group.down, group.starting, group.out_of_service, group.draining, group.unknown)
        if of_server_group(counts, group.desired_size, is_disabled=False, is_being_destroyed=False) is UNHEALTHY:
            self.unhealthy.append(group)


def overview(actor: Actor, text: str = "") -> list[Overview]:
    """Two queries. `text` is looked for in name, owner and description."""
    wanted = text.strip().lower()
    applications = [row for row in applications_for(actor) if _finds(row, wanted)]
    groups = _groups_by_application(actor)
    found = []
    for application in applications:
        row = Overview(application)
        for group in groups[application.name]:
            row.add(group)
        found.append(row)
    return found


def _groups_by_application(actor: Actor) -> dict[str, list[ServerGroup]]:
    visible = accounts_for(actor).order_by().values("name")
    found: dict[str, list[ServerGroup]] = defaultdict(list)
    for group in ServerGroup.objects.filter(account__in=visible).exclude(application="").only(*_COLUMNS):
        found[group.application].append(group)
    return found


def _finds(application: Application, wanted: str) -> bool:
    owner = application.owner_role.name if application.owner_role else ""
    texts: Iterable[str] = (application.name, application.owner_email, application.description, owner)
    return any(wanted in text.lower() for text in texts)
