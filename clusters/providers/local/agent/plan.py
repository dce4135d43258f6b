"""What a server group needs next. Pure: records and observations in, decisions out, as on AWS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from clusters.core.values import Process
from clusters.providers.local.agent.records import Group, Server

FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 60.0
#: An instance that served this long before it failed was a good one: its successor starts at once.
GOOD_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A server with what is known about it. `age_seconds` since its launch."""

    server: Server
    is_alive: bool
    is_failing: bool
    is_up: bool
    age_seconds: float


@dataclass(frozen=True, slots=True)
class Decision:
    """`leave` are ids of servers to end, `failed` those among them that failed; `launch` is a number."""

    leave: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    launch: int = 0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Failures in a row, and until when (monotonic) no further instance starts."""

    failures: int = 0
    until: float = 0.0

    def after(self, decision: Decision, seen: Sequence[Seen], now: float) -> Backoff:
        failed = [one for one in seen if one.server.id in decision.failed]
        if failed:
            failures = self.failures + 1 if all(one.age_seconds < GOOD_SECONDS for one in failed) else 0
            delay = FIRST_BACKOFF_SECONDS * 2 ** (failures - 1) if failures else 0.0
            return Backoff(failures, now + min(delay, LONGEST_BACKOFF_SECONDS))
        if any(one.age_seconds >= GOOD_SECONDS and one.is_up for one in seen):
            return Backoff()
        return self


def decide(group: Group, seen: Sequence[Seen], *, may_launch: bool) -> Decision:
    """Servers that are leaving already count for nothing."""
    staying = [one for one in seen if not one.server.is_leaving]
    if group.is_being_destroyed:
        return Decision(leave=tuple(one.server.id for one in staying))
    unhealthy = _unhealthy(group, staying)
    kept = [one for one in staying if one.server.id not in unhealthy]
    surplus = _surplus(group, kept)
    missing = group.capacity.desired - len(kept)
    launch = missing if missing > 0 and may_launch and not unhealthy and group.runs(Process.LAUNCH) else 0
    return Decision(leave=(*unhealthy, *surplus), failed=unhealthy, launch=launch)


def _unhealthy(group: Group, staying: Sequence[Seen]) -> tuple[str, ...]:
    """A dead process fails at once; one that fails its load balancer's check, after the grace period."""
    needed = (Process.HEALTH_CHECK, Process.REPLACE_UNHEALTHY, Process.TERMINATE)
    if not all(group.runs(process) for process in needed):
        return ()
    grace = group.request.health_check_grace_seconds
    return tuple(one.server.id for one in staying if not one.is_alive or (one.is_failing and one.age_seconds >= grace))


def _surplus(group: Group, kept: Sequence[Seen]) -> tuple[str, ...]:
    """Those that do not serve go first, then those of the fullest zone, then the oldest."""
    if not group.runs(Process.TERMINATE):
        return ()
    left, gone = list(kept), []
    while len(left) > group.capacity.desired:
        crowd = Counter(one.server.zone for one in left)
        first = min(left, key=lambda one: (one.is_up, -crowd[one.server.zone], -one.age_seconds))
        left.remove(first)
        gone.append(first.server.id)
    return tuple(gone)


def emptiest_zone(group: Group, servers: Sequence[Server]) -> str:
    """Where its next instance belongs, so that its zones stay as full as each other."""
    crowd = Counter(server.zone for server in servers if not server.is_leaving)
    return min(group.zones, key=lambda zone: crowd[zone])
