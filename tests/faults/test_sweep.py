"""SIGKILL before and after every COMMIT and every call of the cloud that a run of the demo pipeline makes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.case import Case, Played, hit_all, play_all
from tests.faults.ground import LEASE, Ground

SHARDS = 4
#: `make faults` tries every point, `make test` every eighteenth, shifted from shard to shard.
STEP = 1 if os.environ.get("SPINNAKER_FAULTS") else 18


def test_a_recording_run_comes_by_every_kind_of_point(recording: Played) -> None:
    names = Counter(point.rpartition(":")[0] for point in recording.points)
    assert names["write"] >= 2 * 20
    assert names["commit"] >= 2 * 10
    for call in ("images.start_bake", "images.bake", *_group_calls("create", "get", "list", "disable", "destroy")):
        assert names[f"local.{call}"] >= 2
    sides = Counter(point.rpartition(":")[2] for point in recording.points)
    assert sides["before"] == sides["after"]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_worker_killed_anywhere_costs_a_lease_and_changes_nothing(
    ground: Ground, recording: Played, shard: int, record_property: Callable[[str, object], None]
) -> None:
    points = range(1 + shard, len(recording.points) + 1, SHARDS)[shard % STEP :: STEP]
    killed = hit_all(ground, recording, [Case(f"kill{point}", (point,)) for point in points])
    assert len(killed) >= len(points)
    record_property("killed", len(killed))
    record_property("longest recovery", max(second for played in killed for second in played.recoveries))
    for played in killed:
        assert played.ledger == recording.ledger, played
        assert all(seconds <= LEASE + 2 for seconds in played.recoveries), played


def test_two_workers_killed_one_after_the_other_cost_two_leases(ground: Ground, recording: Played) -> None:
    for played in play_all(ground, pairs(recording)):
        assert played.ledger == recording.ledger, played
        assert all(seconds <= LEASE + 2 for seconds in played.recoveries), played


def pairs(recording: Played) -> list[Case]:
    """The second worker dies soon after it took over."""
    if os.environ.get("SPINNAKER_FAULTS") == "all":
        firsts = range(1, len(recording.points) + 1)
        return [Case(f"kill{n}and{m}", (n, m)) for n in firsts for m in (1, 2, 3, 5, 8, 13)]
    return [Case(f"created{m}", (1, m), "local.server_groups.create:after") for m in (1, 2, 3, 5)]


def _group_calls(*names: str) -> list[str]:
    return [f"server_groups.{name}" for name in names]
