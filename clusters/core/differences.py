"""What becomes of server groups, load balancers and firewalls between two looks, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from clusters.core.scaling import Scaling
from clusters.core.values import ServerGroup

#: (kind, account, region, name); kind is "server group", "load balancer" or "firewall".
Key: TypeAlias = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """`what` is a sentence without its subject; `instances` are the ids it is about."""

    kind: str
    account: str
    region: str
    name: str
    what: str
    instances: tuple[str, ...] = ()


def differences(before: Mapping[Key, Any], after: Mapping[Key, Any]) -> list[Difference]:
    """In order of kind, place and name. What begins to be destroyed counts as gone."""
    found = []
    for key in sorted({*before, *after}):
        for what, instances in _told(key[0], before.get(key), after.get(key)):
            found.append(Difference(*key, what, instances))
    return found


def _told(kind: str, old: Any, new: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    if old == new:
        return
    if kind == "server group":
        yield from _of_server_group(_standing(old), _standing(new))
    elif old is None:
        yield "is created", ()
    elif new is None:
        yield "is deleted", ()
    else:
        was, becomes = asdict(old), asdict(new)
        for name in was:
            if was[name] != becomes[name] and name != "members":
                yield f"{name.replace('_', ' ')} changes from {_short(was[name])} to {_short(becomes[name])}", ()


def _standing(group: ServerGroup | None) -> ServerGroup | None:
    return None if group is None or group.is_being_destroyed else group


def _of_server_group(old: ServerGroup | None, new: ServerGroup | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    if new is None:
        if old is not None:
            yield "is ended with all its instances", _ids(old)
        return
    if old is None:
        yield f"is created with {_instances(new)} of {new.image_name}", ()
        return
    if old.capacity != new.capacity:
        yield f"goes from {_size(old)} to {_size(new)}", ()
    if old.is_disabled != new.is_disabled:
        yield ("leaves" if new.is_disabled else "gets back") + " its load balancers", _ids(old)
    elif old.suspended_processes != new.suspended_processes:
        yield (_processes("suspends", new, old) + _processes("resumes", old, new)).strip(), ()
    for words in _scaling(old.scaling, new.scaling):
        yield words, ()
    if gone := tuple(sorted({*_ids(old)} - {*_ids(new)})):
        yield "loses instances", gone
    if patched := tuple(one.id for one in new.instances if one.patched != _patches(old).get(one.id, one.patched)):
        yield "is patched", patched


def _processes(verb: str, more: ServerGroup, less: ServerGroup) -> str:
    names = sorted(more.suspended_processes - less.suspended_processes)
    return f"{verb} {', '.join(names)} " if names else ""


def _scaling(old: Scaling, new: Scaling) -> Iterator[str]:
    for kind, before, after in (
        ("scaling policy", old.policies, new.policies),
        ("scheduled action", old.actions, new.actions),
    ):
        was, becomes = ({one.name: one for one in things} for things in (before, after))
        for name in sorted({*was, *becomes}):
            if was.get(name) != becomes.get(name):
                verb = "gets" if name not in was else "loses" if name not in becomes else "has a changed"
                yield f"{verb} {kind} {name}"


def _patches(group: ServerGroup) -> dict[str, Any]:
    return {instance.id: instance.patched for instance in group.instances}


def _ids(group: ServerGroup) -> tuple[str, ...]:
    return tuple(instance.id for instance in group.instances)


def _instances(group: ServerGroup) -> str:
    return f"{group.capacity.desired} instance{'' if group.capacity.desired == 1 else 's'}"


def _size(group: ServerGroup) -> str:
    size = group.capacity
    return f"{_instances(group)} ({size.min} to {size.max})"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
