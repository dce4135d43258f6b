"""Named places that others fill: in cluster pages, and what happens when inventory rows change.

    slots.fill("server_group.actions", buttons)            # the composition root, at start
    slots.filled("server_group.actions", request, group)   # a page; an empty slot gives []

Who fills a slot may know everybody; this package knows nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clusters import inventory

Filler = Callable[..., Any]

SLOTS: dict[str, list[Filler]] = {
    # (request, ServerGroup row) -> list of actions to offer
    "server_group.actions": [],
    # (request, ServerGroup row) -> what was lately done to it
    "server_group.recent": [],
    # (request, application, cluster name) -> badges
    "cluster.badges": [],
    # (frozenset of application names), after commit
    "inventory.changed": inventory.listeners,
}


def fill(name: str, filler: Filler) -> None:
    """Raises KeyError for a slot that no place offers."""
    SLOTS[name].append(filler)


def filled(name: str, *args: Any) -> list[Any]:
    """What each filler answers, in the order of filling."""
    return [filler(*args) for filler in SLOTS[name]]
