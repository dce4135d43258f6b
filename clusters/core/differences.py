"""What becomes of server groups, load balancers and firewalls between two looks, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from clusters.core.scaling import Scaling
from clusters.core.values import Health, ServerGroup

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
        closed, opened = set(_openings(old)), set(_openings(new))
        for what in sorted(closed - opened):
            yield f"no longer {what}", ()
        for what in sorted(opened - closed):
            yield what, ()
        was, becomes = dict(_facts(asdict(old))), dict(_facts(asdict(new)))
        for name, value in was.items():
            if value != becomes.get(name, value):
                yield f"{name} changes from {_words(value)} to {_words(becomes[name])}", ()


def _openings(thing: Any) -> Iterator[str]:
    """What it lets in: who by the rules of a firewall, where by the listeners of a load balancer."""
    for rule in getattr(thing, "rules", ()):
        who = f"members of {rule.group}" if rule.group else rule.cidr
        ports = f"{rule.from_port}-{rule.to_port}" if rule.from_port != rule.to_port else str(rule.from_port)
        yield f"lets in {who} by {rule.protocol} to {ports}"
    for listener in getattr(thing, "listeners", ()):
        yield f"listens on port {listener.port} ({listener.protocol})"


def _facts(fields: Mapping[str, Any], of: str = "") -> Iterator[tuple[str, Any]]:
    """Field by field, those of a part after its name; without what `_openings` tells and what others do to it."""
    for name, value in fields.items():
        path = f"{of} {name.replace('_', ' ')}".strip()
        if isinstance(value, dict):
            yield from _facts(value, path)
        elif path not in ("rules", "more listeners", "listener port", "listener protocol", "members"):
            yield path, value


def _words(value: Any) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case tuple():
            return _short(", ".join(map(str, value)) or "none")
        case _:
            return _short(value)


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
    else:
        if old.suspended_processes != new.suspended_processes:
            yield (_processes("suspends", new, old) + _processes("resumes", old, new)).strip(), ()
        if out := tuple(sorted((_unserved(new) - _unserved(old)) & {*_ids(old)})):
            yield "gets no more traffic for", out
    for words in _scaling(old.scaling, new.scaling):
        yield words, ()
    if gone := tuple(sorted({*_ids(old)} - {*_ids(new)})):
        yield "loses instances", gone
    if patched := tuple(one.id for one in new.instances if one.patched != _patches(old).get(one.id, one.patched)):
        yield "is patched", patched


def _unserved(group: ServerGroup) -> set[str]:
    """Instances that a load balancer has let go."""
    gone = (Health.DRAINING, Health.OUT_OF_SERVICE)
    return {
        one.id for one in group.instances if any(r.source == "LoadBalancer" and r.health in gone for r in one.reports)
    }


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
    text = str(value) or "nothing"
    return text if len(text) <= 80 else f"{text[:77]}..."
