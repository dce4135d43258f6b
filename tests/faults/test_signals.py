"""A worker that stands still past its lease and goes on, one that is asked to leave, and several at once."""

from __future__ import annotations

import os

import pytest

from tests.faults.case import Case, Played, play_all
from tests.faults.ground import LEASE, Ground

#: Long enough that a recovery is none by a lapsed lease.
LONG_LEASE = 8.0
#: Calls that change the cloud.
START_BAKE = "local.images.start_bake"
CREATE, DISABLE, DESTROY = (f"local.server_groups.{name}" for name in ("create", "disable", "destroy"))
#: Counted from the call on: about to call, just called, about to commit what came of it inside a transaction.
AROUND = (1, 2, 7)


@pytest.mark.parametrize(
    "call", [CREATE, *(pytest.param(call, marks=pytest.mark.long) for call in (START_BAKE, DISABLE, DESTROY))]
)
def test_a_worker_stopped_past_its_lease_writes_nothing_when_it_goes_on(
    ground: Ground, recording: Played, call: str
) -> None:
    points = range(1, 9) if os.environ.get("SPINNAKER_FAULTS") == "all" else AROUND
    name = call.rpartition(".")[2].replace("_", "")
    cases = [Case(f"stop{name}{n}", (n,), f"{call}:before", "SIGSTOP", is_next_stopped=True) for n in points]
    for played in play_all(ground, cases):
        assert played.was_hit
        assert played.ledger == recording.ledger, played
        assert all(seconds <= LEASE + 2 for seconds in played.recoveries), played


def test_a_worker_asked_to_leave_hands_over_at_once(ground: Ground, recording: Played) -> None:
    calls = (START_BAKE, CREATE, DISABLE)
    cases = [
        Case(f"term{n}", (1,), f"{call}:before", "SIGTERM", lease_seconds=LONG_LEASE) for n, call in enumerate(calls)
    ]
    for played in play_all(ground, cases):
        assert played.ledger == recording.ledger, played
        assert len(played.recoveries) == 1, played
        assert max(played.recoveries) < 2, played


def test_workers_that_reach_for_the_same_execution_do_everything_once(ground: Ground, recording: Played) -> None:
    (played,) = play_all(ground, [Case("rivals", workers=4)])
    assert played.ledger == recording.ledger
