"""A worker that stands still past its lease and goes on, one that is asked to leave, and several at once."""

from __future__ import annotations

import os

import pytest

from tests.faults.case import Case, Played, hit_all, play_all
from tests.faults.ground import LEASE, Ground

#: Long enough that a recovery is none by a lapsed lease.
LONG_LEASE = 8.0
CHANGES = ("start_bake", "create", "disable", "destroy")


@pytest.mark.parametrize("change", CHANGES)
def test_a_worker_stopped_past_its_lease_writes_nothing_when_it_goes_on(ground, recording, change) -> None:
    cases = [Case(f"stop{n}", (n,), "SIGSTOP", is_next_stopped=True) for n in around(recording, change)]
    for played in hit_all(ground, recording, cases):
        assert played.ledger == recording.ledger, played
        assert all(seconds <= LEASE + 2 for seconds in played.recoveries), played


def test_a_worker_asked_to_leave_hands_over_at_once(ground: Ground, recording: Played) -> None:
    points = [around(recording, change)[0] for change in CHANGES]
    cases = [Case(f"term{n}", (n,), "SIGTERM", lease_seconds=LONG_LEASE) for n in points]
    for played in hit_all(ground, recording, cases):
        assert played.ledger == recording.ledger, played
        assert all(seconds < 2 for seconds in played.recoveries), played


def test_workers_that_reach_for_the_same_execution_do_everything_once(ground: Ground, recording: Played) -> None:
    (played,) = play_all(ground, [Case("rivals", workers=4)])
    assert played.ledger == recording.ledger


def around(recording: Played, change: str) -> list[int]:
    """About to commit the intent of the first such call, about to call, just called, about to commit what came of it."""
    if os.environ.get("SPINNAKER_FAULTS") == "all":
        return list(range(1 + CHANGES.index(change), len(recording.points) + 1, len(CHANGES)))
    call = 1 + next(n for n, name in enumerate(recording.points) if name.endswith(f".{change}:before"))
    return [call - 2, call, call + 1, call + 6]
