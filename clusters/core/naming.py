"""Names of server groups: app[-stack[-detail]][-vNNN], parsed and built as Netflix's frigga does.

A detail without a stack gives a double hyphen (app--detail). 3 to 6 digits after -v are a sequence; fewer or more
belong to stack or detail. What is parsed is lenient (names in the wild), what is built is checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from clusters.core.values import InvalidValue

MAX_APPLICATION_LENGTH = 250
MAX_LOAD_BALANCER_LENGTH = 32
MAX_NAME_LENGTH = 255  # AWS: AutoScalingGroupName
SEQUENCES = 1000

_PUSH = re.compile(r"([-a-zA-Z0-9._~^]*)-v([0-9]{3,6})")
_CLUSTER = re.compile(r"([a-zA-Z0-9._]+)(?:-([a-zA-Z0-9._]*)(?:-([-a-zA-Z0-9._~^]*))?)?")
_PLAIN = re.compile(r"[a-zA-Z0-9._]+")
_DETAIL = re.compile(r"[-a-zA-Z0-9._~^]+")
_PUSH_TOKEN = re.compile(r"v[0-9]{3,6}")
_LABEL = re.compile(r"[cdhpruwz]0[a-zA-Z0-9]+")
_LOAD_BALANCER = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?")

#: Labelled variables by their letter: `c0usca` at the end of a cluster's name says countries = usca.
LABELS = {
    "c": "countries",
    "d": "devPhase",
    "h": "hardware",
    "p": "partners",
    "r": "revision",
    "u": "usedBy",
    "w": "redBlackSwap",
    "z": "zone",
}


@dataclass(frozen=True, slots=True)
class Moniker:
    """The parts of a name. `cluster` is built from the others unless a parsed name wrote it differently ("app-")."""

    app: str
    stack: str | None = None
    detail: str | None = None
    sequence: int | None = None
    cluster: str = ""

    def __post_init__(self) -> None:
        if not self.cluster:
            object.__setattr__(self, "cluster", _cluster_name(self.app, self.stack, self.detail))

    @property
    def name(self) -> str:
        """The server group's name as we would write it; raises InvalidValue for a sequence outside 0-999."""
        if self.sequence is None:
            return self.cluster
        if not 0 <= self.sequence < SEQUENCES:
            raise InvalidValue("sequence", f"{self.sequence} is not between 0 and {SEQUENCES - 1}")
        return f"{self.cluster}-v{self.sequence:03d}"

    def as_json(self) -> dict[str, str | int | None]:
        return {
            "app": self.app,
            "stack": self.stack,
            "detail": self.detail,
            "cluster": self.cluster,
            "sequence": self.sequence,
        }


def parse(name: str) -> Moniker | None:
    """The parts of a server group's or cluster's name; None when it does not follow the rule."""
    push = _PUSH.fullmatch(name)
    cluster = push[1] if push else name
    parts = _CLUSTER.fullmatch(cluster)
    if parts is None:
        return None
    sequence = int(push[2]) if push else None
    return Moniker(parts[1], parts[2] or None, parts[3] or None, sequence, cluster)


def parse_or_raise(name: str) -> Moniker:
    moniker = parse(name)
    if moniker is None:
        raise InvalidValue("name", f"{name!r} is not a name of the form application-stack-detail-v000")
    return moniker


def labels(cluster: str) -> dict[str, str]:
    """The labelled variables that end a cluster's name: "app-x-c0usca-w0A" -> {countries: usca, redBlackSwap: A}."""
    found: dict[str, str] = {}
    for token in reversed(cluster.split("-")):
        if not _LABEL.fullmatch(token):
            break
        found[LABELS[token[0]]] = token[2:]
    return found


def checked(application: str, stack: str | None = None, detail: str | None = None) -> Moniker:
    """A moniker fit to be built. Raises InvalidValue naming application, stack or freeFormDetails."""
    check_application(application)
    if stack and not _PLAIN.fullmatch(stack):
        raise InvalidValue("stack", f"{stack!r} may hold only letters, digits, dot and underscore")
    if detail and not _DETAIL.fullmatch(detail):
        raise InvalidValue("freeFormDetails", f"{detail!r} may hold only letters, digits and . _ - ~ ^")
    for field, value in (("stack", stack), ("freeFormDetails", detail)):
        if any(_PUSH_TOKEN.fullmatch(token) for token in (value or "").split("-")):
            raise InvalidValue(field, f"{value!r} cannot contain a push version such as v001")
    moniker = Moniker(application, stack or None, detail or None)
    if len(moniker.cluster) + len("-v000") > MAX_NAME_LENGTH:
        field = "freeFormDetails" if detail else "stack" if stack else "application"
        raise InvalidValue(field, f"the server group's name would be longer than {MAX_NAME_LENGTH} characters")
    return moniker


def check_application(name: str) -> None:
    if len(name) > MAX_APPLICATION_LENGTH:
        raise InvalidValue("application", f"is longer than {MAX_APPLICATION_LENGTH} characters")
    if not _PLAIN.fullmatch(name):
        raise InvalidValue("application", f"{name!r} may hold only letters, digits, dot and underscore")


def check_load_balancer(name: str) -> None:
    if len(name) > MAX_LOAD_BALANCER_LENGTH:
        raise InvalidValue("loadBalancerName", f"{name!r} is longer than {MAX_LOAD_BALANCER_LENGTH} characters")
    if not _LOAD_BALANCER.fullmatch(name):
        raise InvalidValue("loadBalancerName", f"{name!r} may hold only letters, digits and inner hyphens")


def next_name(moniker: Moniker, taken: Iterable[tuple[str, datetime]], location: str = "") -> str:
    """The name a new server group of the cluster gets; `taken` are (name, created_at) of what exists or is reserved.

    It follows the most recently created one, not the highest number, and wraps from v999 to v000. `location` is
    only told in the error. Raises InvalidValue when no number is left.
    """
    slots = [
        (created_at, name, slot.sequence)
        for name, created_at in taken
        if (slot := parse(name)) and slot.cluster == moniker.cluster
    ]
    if not slots:
        return Moniker(moniker.app, moniker.stack, moniker.detail, 0).name
    _, _, newest = max(slots, key=lambda slot: slot[:2])
    used = {sequence for _, _, sequence in slots}
    first = (newest or 0) + 1
    for candidate in (number % SEQUENCES for number in range(first, first + SEQUENCES)):
        if candidate not in used:
            return Moniker(moniker.app, moniker.stack, moniker.detail, candidate).name
    where = f" in {location}" if location else ""
    raise InvalidValue("cluster", f"All server group names for cluster {moniker.cluster}{where} are taken.")


def _cluster_name(app: str, stack: str | None, detail: str | None) -> str:
    if detail:
        return f"{app}-{stack or ''}-{detail}"
    return f"{app}-{stack}" if stack else app
