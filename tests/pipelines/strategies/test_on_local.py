"""Each strategy on the local cloud under constant requests; and a new version that breaks down half-way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from clusters.core.values import Health
from pipelines import operations
from pipelines.models import Execution, Stage
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
        pytest.param({"strategy": "redblack", "delayBeforeDisableSec": 30}, 1, marks=pytest.mark.long),
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


def judged(execution: Execution) -> dict[int, Stage]:
    """Validations of a deployment that wait for their judge, by the percentage they are about."""
    waiting = Stage.objects.filter(type_key="manualJudgment", status="RUNNING").select_related("execution")
    of_it = [stage for stage in waiting if stage.execution.trigger["parentExecution"]["id"] == execution.ulid]
    return {stage.execution.trigger["parameters"]["percentageComplete"]: stage for stage in of_it}


@pytest.mark.parametrize("last", [pytest.param("continue", marks=pytest.mark.long), "stop"])
def test_a_pipeline_judges_each_step_before_the_old_server_group_gives_way(world: LocalWorld, last: str):
    world.save("judge", {"type": "manualJudgment"})
    world.stand("shop-web-v000")
    judge = {"application": "shop", "pipelineId": "judge", "pipelineParameters": {"use": "it"}}
    rolling = {"strategy": "rollingredblack", "targetPercentages": [50], "pipelineBeforeCleanup": judge}
    execution = world.begin(world.deploy(**rolling))
    with Traffic(world.address) as traffic:
        for percentage, answer, up in ((50, "continue", 2), (100, last, 1)):
            world.go_on(execution, until=lambda percentage=percentage: percentage in judged(execution))
            assert world.groups["v000"].count(Health.UP) == up, "the old one gives way only once the step is judged"
            stage = judged(execution)[percentage]
            operations.judge(world.actor, stage.execution, stage.ref, answer)
        world.go_on(execution)
    assert failed(traffic.record) == []
    assert stage.execution.trigger["parameters"] == {
        "use": "it",
        "deployedServerGroup": "shop-web-v001",
        "sourceServerGroup": "shop-web-v000",
        "percentageComplete": 100,
    }
    if last == "continue":
        assert execution.status == "SUCCEEDED", tree(execution)
        assert state(world) == {"v000": (False, 0), "v001": (True, 2)}
    else:
        assert execution.status == "TERMINAL", tree(execution)
        assert "judge #2 ended as TERMINAL" in execution.message
        assert state(world) == {"v000": (True, 2), "v001": (False, 0)}


@pytest.mark.long
def test_a_custom_strategy_has_the_cluster_to_itself_until_its_pipeline_has_ended_or_is_taken_over(world: LocalWorld):
    world.save("slow", {"type": "deploy", "trafficOptions": "inherit"}, {"type": "wait", "waitTime": 60}, strategy=True)
    world.stand("shop-web-v000")
    with Traffic(world.address) as traffic:
        first = world.begin(world.deploy(strategy="custom", strategyPipeline="slow"))
        world.go_on(first, until=lambda: Stage.objects.filter(type_key="wait", status="RUNNING").exists())
        second = world.begin(world.deploy(strategy="redblack"))
        world.go_on(first, until=lambda: operations.waits_for_claim(second, "1"))
        assert state(world) == {"v000": (True, 2), "v001": (True, 2)}
        assert operations.take_over(world.actor, second, "1") == first
        world.go_on(second)
    assert second.status == "SUCCEEDED", tree(second)
    assert failed(traffic.record) == []
    assert set(Execution.objects.exclude(pk=second.pk).values_list("status", flat=True)) == {"CANCELED"}
    assert state(world) == {"v000": (False, 0), "v001": (False, 0), "v002": (True, 2)}


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
