"""Traffic guards: which clusters must keep a healthy, enabled server group, and what an effect would leave of one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clusters.core import selection
from clusters.core.naming import Moniker
from clusters.core.values import Health, InvalidValue, ServerGroup

ANY = "*"
#: The JSON names of Spinnaker's application attribute `trafficGuards`, in order.
FIELDS = ("account", "location", "stack", "detail")


@dataclass(frozen=True, slots=True, order=True)
class Guard:
    """Clusters of one application; `*` stands for any value, an empty stack or detail for a name without that part."""

    account: str = ANY
    location: str = ANY
    stack: str = ""
    detail: str = ""
    is_enabled: bool = True

    def covers(self, account: str, region: str, name: Moniker) -> bool:
        values = account, region, name.stack or "", name.detail or ""
        wanted = self.account, self.location, self.stack, self.detail
        return self.is_enabled and all(want in (ANY, value) for want, value in zip(wanted, values, strict=True))

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in FIELDS} | {"enabled": self.is_enabled}


def read(value: Any, field: str = "trafficGuards") -> tuple[Guard, ...]:
    """From the attribute's JSON; null is an empty part, and `enabled` is true unless said. Raises InvalidValue."""
    if not isinstance(value, list):
        raise InvalidValue(field, "is not a list")
    return tuple(dict.fromkeys(_guard(item, f"{field}[{number}]") for number, item in enumerate(value)))


def _guard(item: Any, field: str) -> Guard:
    if not isinstance(item, Mapping):
        raise InvalidValue(field, "is not an object")
    parts = {}
    for name in FIELDS:
        part = item.get(name) or ""
        if not isinstance(part, str) or any(character.isspace() for character in part):
            raise InvalidValue(f"{field}.{name}", f"{part!r} is not a name or {ANY}")
        if not part and name in ("account", "location"):
            raise InvalidValue(f"{field}.{name}", f"name one, or {ANY} for any")
        parts[name] = part
    is_enabled = item.get("enabled", True)
    if not isinstance(is_enabled, bool):
        raise InvalidValue(f"{field}.enabled", "is neither true nor false")
    return Guard(**parts, is_enabled=is_enabled)


def up_without(groups: Sequence[ServerGroup], groups_lost: Collection[str], instances_lost: Collection[str]) -> bool:
    """Whether one of a cluster's server groups still is enabled with an instance that is up."""
    left = (group for group in groups if group.name not in groups_lost)
    return any(_up(group, instances_lost) for group in left if not group.is_disabled)


def carrying(
    groups: Sequence[ServerGroup], groups_lost: Collection[str], instances_lost: Collection[str]
) -> dict[str, int]:
    """Of each server group that loses traffic: how many instances that are up it loses."""
    lost = {
        group.name: _up(group) - (0 if group.name in groups_lost else _up(group, instances_lost))
        for group in groups
        if selection.is_active(group)
    }
    return {name: count for name, count in lost.items() if count}


def _up(group: ServerGroup, but: Collection[str] = ()) -> int:
    if group.is_being_destroyed:
        return 0
    return sum(instance.health is Health.UP for instance in group.instances if instance.id not in but)
