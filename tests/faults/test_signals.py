"""A worker that stands still past its lease and goes on, one that is asked to leave, and several at once."""

from __future__ import annotations

import os

from tests.faults.case import Case, Played, play_all
from tests.faults.ground import LEASE, Ground

#: Long enough that a recovery is none by a lapsed lease.
LONG_LEASE = 8.0
CHANGES = ("start_bake", "create", "disable", "destroy")


def test_a_worker_stopped_past_its_lease_writes_nothing_when_it_goes_on(ground: Ground, recording: Played) -> None:
    for played in play_all(ground, [Case(f"stop{n}", n, "SIGSTOP") for n in around_changes(recording)]):
        assert played.was_hit
        assert played.ledger == recording.ledger, played
        assert played.recovery_seconds <= LEASE + 2, played


def test_a_worker_asked_to_leave_hands_over_at_once(ground: Ground, recording: Played) -> None:
    points = around_changes(recording)[::3]
    cases = [Case(f"term{n}", n, "SIGTERM", LONG_LEASE) for n in points]
    for played in play_all(ground, cases):
        assert played.was_hit
        assert played.ledger == recording.ledger, played
        assert played.recovery_seconds < 2, played


def test_workers_that_reach_for_the_same_execution_do_everything_once(ground: Ground, recording: Played) -> None:
    for played in play_all(ground, [Case("rivals", workers=4)]):
        assert played.ledger == recording.ledger


def around_changes(recording: Played) -> list[int]:
    """Points before and after each call that changes the cloud, and the commits on both sides of it."""
    every = range(1, len(recording.points) + 1)
    if os.environ.get("SPINNAKER_FAULTS") == "all":
        return list(every)
    calls = [n for n in every if any(f".{name}:" in recording.points[n - 1] for name in CHANGES)]
    befores = [n for n in calls if recording.points[n - 1].endswith(":before")]
    assert {recording.points[n - 1].split(".")[-1].split(":")[0] for n in befores} == set(CHANGES)
    return sorted({*calls, *(n - 1 for n in befores), *(n + 2 for n in befores)})
