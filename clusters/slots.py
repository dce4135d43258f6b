"""Named places that others fill: in cluster pages, and what happens when inventory rows change.

    slots.fill("server_group.actions", buttons)            # the composition root, at start
    slots.filled("server_group.actions", request, group)   # a page; an empty slot gives []

Who fills a slot may know everybody; this package knows nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clusters import inventory
from clusters.core.looks import Look

Filler = Callable[..., Any]

SLOTS: dict[str, list[Filler]] = {
    # (request, Application row) -> list[Action] to offer for its clusters as a whole
    "clusters.actions": [],
    # (request, Application row, ServerGroup row) -> list[Action] to offer
    "server_group.actions": [],
    # (request, Application row, ServerGroup row) -> list[Note] of what was lately done to it
    "server_group.recent": [],
    # (request, Application row, Instance row with its server group) -> list[Action] to offer
    "instance.actions": [],
    # What pages have changed by who runs such changes, each -> address of the page that follows it. At most one filler
    # each: (request, Application row, account, values.LoadBalancerRequest)
    "load_balancer.upsert": [],
    # (request, Application row, account, region, name)
    "load_balancer.delete": [],
    # (request, Application row, account, region, name, tuple[values.Rule, ...], description)
    "security_group.upsert": [],
    # (request, Application row, account, region, name)
    "security_group.delete": [],
    # (one of these four, request, and the same arguments) -> what that would do now, for templates to show
    "network.rehearsal": [],
    # (request, Application row) -> dict of cluster name to Badge; asked once a page
    "cluster.badges": [],
    # (request) -> list[Note] of what needs a person, besides unhealthy server groups
    "applications.needs": [],
    # (frozenset of application names), after commit
    "inventory.changed": inventory.listeners,
}


@dataclass(frozen=True, slots=True)
class Action:
    """A button that leads to `url`; one that is risky comes last and in red."""

    label: str
    url: str
    is_risky: bool = False


@dataclass(frozen=True, slots=True)
class Badge:
    look: Look
    url: str


@dataclass(frozen=True, slots=True)
class Note:
    """One line: what it is about, a sentence on it, and where to go."""

    look: Look
    title: str
    sentence: str
    url: str
    verb: str = "Show"
    at: datetime | None = None


def fill(name: str, filler: Filler) -> None:
    """Raises KeyError for a slot that no place offers."""
    SLOTS[name].append(filler)


def filled(name: str, *args: Any) -> list[Any]:
    """What each filler answers, in the order of filling."""
    return [filler(*args) for filler in SLOTS[name]]
