"""A deployment that leaves everything to a pipeline of one's own, on the real engine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clusters.models import Application
from pipelines.engine.drive import drive
from pipelines.models import Execution, Pipeline
from pipelines.operations import save_pipeline
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


def run(world: World, **changes: Any) -> tuple[Execution, Execution]:
    """The deployment and the strategy's pipeline, both at their ends."""
    stage = {"type": "deploy", "name": "Deploy", "clusters": [CLUSTER | {"imageId": world.image.id} | changes]}
    outer = world.begin(stage)
    for _ in range(60):
        world.look()
        for inner in Execution.objects.exclude(pk=outer.pk).filter(ended_at=None):
            world.execution = inner
            world.look()
            world.execution = outer
        if outer.ended_at:
            break
    drive(outer.pk)
    return outer, Execution.objects.exclude(pk=outer.pk).get()


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
        f"1<1 createServerGroup 'Deploy in {REGION}' []",
        "1<1<1 pipeline 'Deploy by dark' [startPipeline,monitorPipeline]",
    ]
    assert balanced.stage("Deploy").outputs["deploy.server.groups"] == {REGION: ["shop-test-v001"]}


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
