"""What a group decides, from what is seen of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from clusters.core.values import Capacity, Image, Process, ServerGroupRequest
from clusters.providers.local.agent.plan import Backoff, Decision, Seen, decide
from clusters.providers.local.agent.records import Group, Server

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = ServerGroupRequest("local", "a-v000", "img", Capacity(0, 2, 4), health_check_grace_seconds=60)
GROUP = Group(
    "g", 64000, "acme", REQUEST, "t", Image("acme", "local", "img", "n", NOW), Capacity(0, 2, 4), frozenset(), NOW
)


def seen(
    name: str, *, alive: bool = True, failing: bool = False, up: bool = True, age: float = 100, leaving: bool = False
) -> Seen:
    return Seen(Server(name, GROUP.key, 1, NOW, True, leaving), alive, failing, up, age)


def suspended(*processes: Process) -> Group:
    return replace(GROUP, suspended=frozenset(processes))


def sized(desired: int) -> Group:
    return replace(GROUP, capacity=Capacity(0, desired, 4))


A, B = seen("a"), seen("b")
DEAD, SICK = seen("dead", alive=False, up=False), seen("sick", failing=True, up=False)


@pytest.mark.parametrize(
    ("group", "found", "decision"),
    [
        (GROUP, [A, B], Decision()),
        (GROUP, [A], Decision(launch=1)),
        (GROUP, [A, seen("b", leaving=True)], Decision(launch=1)),
        (suspended(Process.LAUNCH), [A], Decision()),
        (sized(1), [A, seen("old", age=200)], Decision(leave=("old",))),
        (sized(1), [seen("old", age=200), seen("new", up=False, age=1)], Decision(leave=("new",))),
        (replace(sized(1), suspended=frozenset({Process.TERMINATE})), [A, B], Decision()),
        (GROUP, [A, DEAD], Decision(leave=("dead",), failed=("dead",))),
        (GROUP, [A, SICK], Decision(leave=("sick",), failed=("sick",))),
        (GROUP, [A, replace(SICK, age_seconds=59)], Decision()),
        (suspended(Process.HEALTH_CHECK), [A, DEAD], Decision()),
        (suspended(Process.REPLACE_UNHEALTHY), [A, SICK], Decision()),
        (suspended(Process.TERMINATE), [A, DEAD], Decision()),
        (replace(GROUP, is_being_destroyed=True), [A, seen("b", leaving=True)], Decision(leave=("a",))),
    ],
)
def test_a_group_needs(group: Group, found: list[Seen], decision: Decision) -> None:
    assert decide(group, found, may_launch=True) == decision


def test_nothing_is_launched_while_backing_off() -> None:
    assert decide(GROUP, [A], may_launch=False) == Decision()


def test_each_failure_in_a_row_waits_longer_and_a_good_life_ends_it() -> None:
    young = replace(DEAD, age_seconds=1)
    failed = Decision(failed=("dead",))
    backoff, waits = Backoff(), []
    for _ in range(8):
        backoff = backoff.after(failed, [young], now=0)
        waits.append(backoff.until)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.after(Decision(), [A], now=0) == Backoff()
    assert backoff.after(failed, [DEAD], now=5) == Backoff(0, 5)
