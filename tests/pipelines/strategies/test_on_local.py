"""Each strategy on the local cloud under constant requests; and a new version that breaks down half-way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from clusters.core.values import Health
from pipelines.models import Execution
from pipelines.stages import watch_server_group
from spinnaker_web.demo.traffic import Record, Traffic
from tests.local_agent import LocalAgent, agent
from tests.pipelines import local_world
from tests.pipelines.local_world import LocalWorld, stages_of, tree

__all__ = ["agent"]


@pytest.fixture
def world(transactional_db: None, agent: LocalAgent) -> Iterator[LocalWorld]:
    with local_world.standing(agent) as world:
        yield world


def failed(record: Record, after: float = 0.0) -> list[str]:
    return [failure.reason for failure in record.failures if failure.began_at > after]


def state(world: LocalWorld) -> dict[str, tuple[bool, int]]:
    """{name: (enabled, instances that are up)}."""
    return {name: (not group.is_disabled, group.count(Health.UP)) for name, group in world.groups.items()}


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ({"strategy": "redblack", "maxRemainingAsgs": 2, "delayBeforeDisableSec": 1}, {"v001": (True, 2)}),
        ({"strategy": "rollingredblack", "targetPercentages": [50]}, {"v001": (True, 2)}),
        ({"strategy": "redblack", "scaleDown": True}, {"v001": (True, 2)}),
        ({"strategy": "highlander"}, {"v001": (True, 2)}),
    ],
    ids=lambda value: value["strategy"] + "-scaled" * ("scaleDown" in value) if "strategy" in value else "",
)
def test_traffic_moves_without_a_failed_request(world: LocalWorld, strategy: dict[str, Any], expected: dict[str, Any]):
    world.stand("shop-web-v000")
    execution = world.begin(world.deploy(**strategy))
    with Traffic(world.address) as traffic:
        world.go_on(execution)
    assert execution.status == "SUCCEEDED", tree(execution)
    assert failed(traffic.record) == []
    assert set(traffic.record.versions) == {'"1.0.0"', '"2.0.0"'}
    old = {} if strategy["strategy"] == "highlander" else {"v000": (False, 0)}
    assert state(world) == old | expected
    if old:
        left = 0 if strategy.get("scaleDown") else 2
        assert len(world.groups["v000"].instances) == left


def is_waiting(execution: Execution, number: int) -> bool:
    """Whether the strategy is at its `number`-th wait."""
    waits = [stage for stage in stages_of(execution) if stage.type_key == "wait"]
    return len(waits) >= number and waits[number - 1].status == "RUNNING"


@pytest.mark.parametrize(
    ("strategy", "wait"),
    [
        ({"strategy": "redblack", "delayBeforeDisableSec": 30}, 1),
        ({"strategy": "rollingredblack", "targetPercentages": [50], "delayBeforeDisableSec": 6}, 2),
    ],
    ids=["redblack", "rollingredblack"],
)
def test_a_version_that_breaks_down_half_way_is_rolled_back_without_a_failed_request_after_its_first_failed_check(
    world: LocalWorld, monkeypatch: pytest.MonkeyPatch, strategy: dict[str, Any], wait: int
):
    monkeypatch.setattr(watch_server_group, "PATIENCE", 1.5)
    world.stand("shop-web-v000")
    execution = world.begin(world.deploy(**strategy))
    with Traffic(world.address) as traffic:
        world.go_on(execution, until=lambda: is_waiting(execution, wait))
        checked_at = world.break_down("v001")
        world.go_on(execution)
    assert execution.status == "TERMINAL", tree(execution)
    assert "shop-web-v001 went bad" in execution.message
    assert failed(traffic.record, after=checked_at) == []
    assert state(world) == {"v000": (True, 2), "v001": (False, 0)}, tree(execution)
    rolled_back = [stage for stage in stages_of(execution) if stage.type_key == "rollbackServerGroup"]
    assert [stage.status for stage in rolled_back] == ["SUCCEEDED"]


def test_a_share_of_a_server_group_is_taken_out_and_comes_back_with_the_whole(world: LocalWorld):
    world.stand("shop-web-v000", size=3)
    place = {"credentials": "acme", "regions": ["local"], "serverGroupName": "shop-web-v000", "refId": "1"}
    with Traffic(world.address) as traffic:
        for percentage, out in ((34, 2), (40, 2), (10, 2)):
            stage = place | {"type": "disableServerGroup", "desiredPercentage": percentage}
            assert world.go_on(world.begin(stage)).status == "SUCCEEDED"
            assert world.groups["v000"].count(Health.OUT_OF_SERVICE) == out
        assert not world.groups["v000"].is_disabled
        assert world.go_on(world.begin(place | {"type": "enableServerGroup"})).status == "SUCCEEDED"
        assert world.groups["v000"].count(Health.UP) == 3
    assert failed(traffic.record) == []


def test_the_last_server_group_of_a_guarded_cluster_goes_on_serving_whatever_is_asked(world: LocalWorld):
    world.application.traffic_guards.create(stack="*", detail="*")
    world.stand("shop-web-v000")
    place = {"credentials": "acme", "regions": ["local"], "serverGroupName": "shop-web-v000", "refId": "1"}
    cluster = {"credentials": "acme", "regions": ["local"], "cluster": "shop-web", "refId": "1"}
    asked = [
        place | {"type": "disableServerGroup"},
        place | {"type": "destroyServerGroup", "skipDisableBeforeDestroy": True},
        place | {"type": "resizeServerGroup", "capacity": {"min": 0, "desired": 0, "max": 0}},
        cluster | {"type": "disableCluster", "remainingEnabledServerGroups": 0},
        cluster | {"type": "shrinkCluster", "shrinkToSize": 0, "allowDeleteActive": True},
        cluster | {"type": "scaleDownCluster", "remainingFullSizeServerGroups": 0, "allowScaleDownActive": True},
    ]
    with Traffic(world.address) as traffic:
        for stage in asked:
            execution = world.go_on(world.begin(stage))
            assert execution.status == "TERMINAL"
            assert "The traffic guard of shop refuses to" in execution.message
    assert failed(traffic.record) == []
    assert state(world) == {"v000": (True, 2)}
