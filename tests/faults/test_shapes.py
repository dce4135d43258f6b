"""SIGKILL at the points of other runs than the demo's: a deployment with each strategy, a clone, resizes, a rollback."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.faults.case import Case, Played, hit_all, play_all
from tests.faults.ground import LEASE, SHAPES, Ground

#: SPINNAKER_FAULTS=all tries every point, `make faults` a few of each run; `make test` leaves it out.
A_FEW = 3
pytestmark = pytest.mark.long
OTHERS = [shape for shape in SHAPES if shape != "demo"]


@pytest.fixture(scope="session")
def kept() -> dict[str, Played]:
    return {}


@pytest.fixture
def runs(ground: Ground, kept: dict[str, Played]) -> dict[str, Played]:
    """By shape: a run without a fault."""
    if not kept:
        played = play_all(ground, [Case(f"whole{shape}", shape=shape) for shape in OTHERS])
        kept.update((one.case.shape, one) for one in played)
    return kept


@pytest.mark.parametrize("shape", OTHERS)
def test_a_worker_killed_anywhere_costs_a_lease_and_changes_nothing(
    ground: Ground, runs: dict[str, Played], shape: str, record_property: Callable[[str, object], None]
) -> None:
    whole = runs[shape]
    points = range(1, len(whole.points) + 1)
    if os.environ.get("SPINNAKER_FAULTS") != "all":
        points = points[len(points) // A_FEW // 2 :: len(points) // A_FEW]
    killed = hit_all(ground, whole, [Case(f"{shape}{point}", (point,), shape=shape) for point in points])
    assert len(killed) >= len(points)
    record_property("killed", len(killed))
    for played in killed:
        assert played.ledger == whole.ledger, played
        assert all(seconds <= LEASE + 2 for seconds in played.recoveries), played
