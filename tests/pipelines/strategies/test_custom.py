"""A deployment that leaves everything to a pipeline of one's own, on the real engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from clusters.models import Application, ClusterClaim
from pipelines.engine.drive import drive
from pipelines.models import Execution, Pipeline, Stage, Step
from pipelines.operations import Conflict, save_pipeline, take_over, waits_for_claim
from tests.pipelines.stages.conftest import ACCOUNT, REGION, World, balanced, world

__all__ = ["balanced", "world"]

CLUSTER = {
    "account": ACCOUNT,
    "application": "shop",
    "stack": "test",
    "region": REGION,
    "capacity": {"min": 1, "desired": 1, "max": 1},
    "loadBalancers": ["shop-web"],
    "strategy": "custom",
    "strategyPipeline": "dark",
    "pipelineParameters": {"pause": "1"},
}


def save(world: World, *stages: dict[str, Any]) -> Pipeline:
    numbered = [
        {"refId": str(n), "requisiteStageRefIds": [str(n - 1)] if n > 1 else [], **stage}
        for n, stage in enumerate(stages, start=1)
    ]
    document = {"name": "Dark launch", "id": "dark", "strategy": True, "stages": numbered}
    saved = save_pipeline(world.actor, Application.objects.get(name="shop"), json.dumps(document))
    assert saved.warnings == []
    return saved.pipeline


def deploy(world: World, **changes: Any) -> dict[str, Any]:
    return {"type": "deploy", "name": "Deploy", "clusters": [CLUSTER | {"imageId": world.image.id} | changes]}


def run(world: World, **changes: Any) -> tuple[Execution, Execution]:
    """The deployment and the strategy's pipeline, both at their ends."""
    return go_on(world, world.begin(deploy(world, **changes)))


def go_on(
    world: World, outer: Execution, until: Callable[[Execution], bool] = lambda inner: False
) -> tuple[Execution, Execution]:
    """Until the deployment has ended, or `until` holds for the strategy's pipeline."""
    for _ in range(60):
        look(world, outer)
        for inner in Execution.objects.filter(trigger__parentExecution__id=outer.ulid):
            if until(look(world, inner)):
                return outer, inner
        if outer.ended_at:
            break
    drive(outer.pk)
    return outer, Execution.objects.get(trigger__parentExecution__id=outer.ulid)


def look(world: World, execution: Execution) -> Execution:
    if execution.ended_at:
        return execution
    world.execution, before = execution, world.execution
    world.look()
    world.execution = before
    return execution


def is_waiting(inner: Execution) -> bool:
    return Stage.objects.filter(execution=inner, type_key="wait", status="RUNNING").exists()


def test_the_pipeline_deploys_the_cluster_as_its_own_stages_say(balanced: World):
    save(balanced, {"type": "deploy", "trafficOptions": "disable"}, {"type": "wait", "waitTime": 0})
    balanced.group("shop-test-v000", size=1)
    outer, inner = run(balanced)
    assert (outer.status, inner.status) == ("SUCCEEDED", "SUCCEEDED"), (outer.message, inner.message)
    assert balanced.there() == {"shop-test-v000": ("enabled", 1), "shop-test-v001": ("disabled", 1)}
    parameters = inner.trigger["parameters"]
    told = {name: parameters[name] for name in ("application", "credentials", "cluster", "region", "strategy", "pause")}
    assert told == {
        "application": "shop",
        "credentials": ACCOUNT,
        "cluster": "shop-test",
        "region": REGION,
        "strategy": True,
        "pause": "1",
    }
    assert parameters["parentPipelineId"] == outer.ulid
    assert balanced.tree() == [
        "1 deploy 'Deploy' [completeParallelDeploy]",
        f"1<1 createServerGroup 'Deploy in {REGION}' [claimCluster]",
        "1<1>1 pipeline 'Deploy by dark' [startPipeline,monitorPipeline]",
    ]
    assert balanced.stage("Deploy").outputs["deploy.server.groups"] == {REGION: ["shop-test-v001"]}


def test_the_cluster_is_claimed_while_the_strategy_s_pipeline_does_anything_and_can_be_taken_over(balanced: World):
    save(balanced, {"type": "deploy", "trafficOptions": "inherit"}, {"type": "wait", "waitTime": 600})
    first, inner = go_on(balanced, balanced.begin(deploy(balanced)), until=is_waiting)
    assert balanced.there() == {"shop-test-v000": ("enabled", 1)}
    claim = ClusterClaim.objects.get()
    assert (claim.key, claim.execution_id) == (f"{ACCOUNT}:{REGION}:shop-test", first.ulid)

    second = balanced.begin(deploy(balanced, strategy=""))
    balanced.look()
    step = Step.objects.get(stage__execution=second, name="claimCluster")
    assert f"{first}, Deploy in {REGION}, started by ada (since " in step.waiting_for
    assert waits_for_claim(second, "1") == claim.key
    assert take_over(balanced.actor, second, "1") == first
    look(balanced, first)
    look(balanced, inner)
    assert (first.status, inner.status) == ("CANCELED", "CANCELED")
    assert not ClusterClaim.objects.exists()
    assert balanced.go_on().status == "SUCCEEDED", second.message
    assert balanced.there() == {"shop-test-v000": ("enabled", 1), "shop-test-v001": ("enabled", 1)}


def test_what_a_strategy_deploys_twice_it_deploys_one_after_the_other(balanced: World):
    held = {"type": "deploy", "clusters": [CLUSTER | {"imageId": balanced.image.id, "strategy": "redblack"}]}
    held["clusters"][0]["delayBeforeDisableSec"] = 600
    balanced.group("shop-test-v000", size=1)
    save(balanced, held, held | {"requisiteStageRefIds": []})
    outer, inner = go_on(balanced, balanced.begin(deploy(balanced)), until=is_waiting)
    for _ in range(5):
        look(balanced, inner)
    assert sorted(balanced.there()) == ["shop-test-v000", "shop-test-v001"]
    owners = dict(ClusterClaim.objects.values_list("key", "owner"))
    key = f"{ACCOUNT}:{REGION}:shop-test"
    assert sorted(owners) == [key, f"{key}@{owners[key]}"]
    with pytest.raises(Conflict, match="does not wait for another deployment"):
        take_over(balanced.actor, inner, "1" if waits_for_claim(inner, "1") else "2")
    balanced.execution = inner
    balanced.go_on()
    outer, inner = go_on(balanced, outer)
    assert (outer.status, inner.status) == ("SUCCEEDED", "SUCCEEDED"), (outer.message, inner.message)
    assert not ClusterClaim.objects.exists()
    assert sorted(balanced.there()) == ["shop-test-v000", "shop-test-v001", "shop-test-v002"]


def test_a_clone_is_cloned_by_the_strategy(balanced: World):
    save(balanced, {"type": "deploy", "trafficOptions": "inherit"})
    balanced.group("shop-test-v000", size=3)
    clone = {"type": "cloneServerGroup", "name": "Clone", "credentials": ACCOUNT, "region": REGION, "stack": "test"}
    outer, inner = go_on(balanced, balanced.begin(clone | {"strategy": "custom", "strategyPipeline": "dark"}))
    assert (outer.status, inner.status) == ("SUCCEEDED", "SUCCEEDED"), (outer.message, inner.message)
    assert inner.trigger["parameters"]["clone"] is True
    made = Stage.objects.get(execution=inner, ref="1<1")
    assert (made.type_key, made.context["source"]["serverGroupName"]) == ("cloneServerGroup", "shop-test-v000")
    assert balanced.there() == {"shop-test-v000": ("enabled", 3), "shop-test-v001": ("enabled", 3)}
    images = {group.image_id for group in balanced.cloud.server_groups.list(ACCOUNT, REGION)}
    assert len(images) == 1
    assert not ClusterClaim.objects.exists()


def test_a_strategy_that_fails_fails_the_deployment(balanced: World):
    save(balanced, {"type": "deploy", "trafficOptions": "inherit"})
    outer, inner = run(balanced, imageId="img-0")
    assert (outer.status, inner.status) == ("TERMINAL", "TERMINAL")
    assert "img-0" in outer.message


def test_its_deploy_stage_run_by_hand_says_what_it_lacks(balanced: World):
    execution = balanced.run({"type": "deploy", "name": "Deploy", "trafficOptions": "enable"})
    assert execution.status == "TERMINAL"
    assert "only a deployment with this pipeline as its strategy hands one down" in execution.message


@pytest.mark.parametrize(("options", "held"), [("enable", []), ("disable", ["AddToLoadBalancer", "Launch"])])
def test_traffic_is_decided_by_the_strategy(balanced: World, options: str, held: list[str]):
    save(balanced, {"type": "deploy", "trafficOptions": options})
    processes = ["Launch"] if options == "disable" else ["AddToLoadBalancer"]
    size = {"min": 0, "desired": 0, "max": 0}
    outer, _ = run(balanced, suspendedProcesses=processes, capacity=size)
    assert outer.status == "SUCCEEDED", outer.message
    (group,) = balanced.cloud.server_groups.list(ACCOUNT, REGION)
    assert sorted(group.suspended_processes) == held
