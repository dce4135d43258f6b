"""Deployments on the real engine and a cloud in memory; first the worked example of the domain."""

from __future__ import annotations

import pytest

from tests.pipelines.stages.conftest import ACCOUNT, REGION, World

CLUSTER = {
    "account": ACCOUNT,
    "application": "shop",
    "stack": "test",
    "freeFormDetails": "web",
    "availabilityZones": {REGION: ["eu-west-1a", "eu-west-1b"]},
    "capacity": {"min": 2, "max": 6, "desired": 2},
    "strategy": "redblack",
    "maxRemainingAsgs": 2,
    "scaleDown": False,
    "delayBeforeDisableSec": 60,
    "rollback": {"onFailure": True},
    "instanceType": "t3.small",
    "targetGroups": ["shop-web"],
    "healthCheckType": "ELB",
}


def deploy(world: World, **changes) -> dict:
    return {"type": "deploy", "name": "Deploy", "clusters": [CLUSTER | {"imageId": world.image.id} | changes]}


def test_the_worked_example_with_one_disabled_and_one_live(balanced: World):
    balanced.group("shop-test-web-v006", is_disabled=True)
    balanced.group("shop-test-web-v007")
    execution = balanced.run(deploy(balanced))
    assert execution.status == "SUCCEEDED", execution.message
    steps = "claimCluster,determineSourceServerGroup,createServerGroup,waitForUpInstances"
    assert balanced.tree() == [
        "1 deploy 'Deploy' [completeParallelDeploy]",
        f"1<1 createServerGroup 'Deploy in eu-west-1' [{steps}]",
        "1<1>1 shrinkCluster 'shrinkCluster' [shrinkCluster,waitForClusterShrink]",
        "1<1>2 wait 'Wait Before Disable' [wait]",
        "1<1>3 disableCluster 'disableCluster' [disableCluster,waitForClusterDisable]",
        "1<1>4 watchServerGroup 'Watch shop-test-web-v008' [watchServerGroup]",
    ]
    assert balanced.there() == {"shop-test-web-v007": ("disabled", 2), "shop-test-web-v008": ("enabled", 2)}


def test_the_worked_example_that_never_becomes_healthy_is_taken_out_again(balanced: World):
    balanced.group("shop-test-web-v007")
    balanced.cloud.never_healthy("shop-test-web-v008")
    execution = balanced.run(
        deploy(balanced), {"type": "wait", "name": "Settle", "requisiteStageRefIds": ["1"]}, looks=5
    )
    step = balanced.step("waitForUpInstances")
    assert step.waiting_for.startswith("2 more instances of shop-test-web-v008 to become healthy (0 of 2 up: i-")
    assert execution.status == "RUNNING"
    execution = balanced.time_out("waitForUpInstances")
    assert (execution.status, balanced.stage("Settle").status) == ("TERMINAL", "NOT_STARTED")
    assert "timed out" in execution.message
    assert balanced.tree() == [
        "1 deploy 'Deploy' [] TERMINAL",
        "1<1 createServerGroup 'Deploy in eu-west-1'"
        " [claimCluster,determineSourceServerGroup,createServerGroup,waitForUpInstances] TERMINAL",
        "1<1>1 rollbackCluster 'Rollback shop-test-web' [determineRollbackCandidates]",
        "1<1>1>1 rollbackServerGroup 'Rollback eu-west-1' []",
        "1<1>1>1>1 disableServerGroup 'Disable shop-test-web-v008 due to rollback'"
        " [disableServerGroup,waitForDownInstances,waitForServerGroupDisabled]",
        "2 wait 'Settle' [] NOT_STARTED",
    ]
    there = balanced.there()
    assert {name: state for name, (state, _) in there.items()} == {
        "shop-test-web-v007": "enabled",
        "shop-test-web-v008": "disabled",
    }


def test_a_failed_deployment_can_be_destroyed_after_the_rollback(balanced: World):
    balanced.group("shop-test-web-v007")
    balanced.cloud.never_healthy("shop-test-web-v008")
    balanced.run(deploy(balanced, rollback={"onFailure": True, "destroyLatest": True}), looks=5)
    balanced.time_out("waitForUpInstances")
    assert balanced.there() == {"shop-test-web-v007": ("enabled", 2)}


def test_without_rollback_what_failed_is_left_standing(balanced: World):
    balanced.group("shop-test-web-v007")
    balanced.cloud.never_healthy("shop-test-web-v008")
    balanced.run(deploy(balanced, rollback={}), looks=5)
    balanced.time_out("waitForUpInstances")
    assert [state for state, _ in balanced.there().values()] == ["enabled", "enabled"]
    assert not [line for line in balanced.tree() if "rollback" in line]


def test_the_first_deployment_of_a_cluster_has_nothing_to_clean_up(balanced: World):
    assert balanced.run(deploy(balanced)).status == "SUCCEEDED"
    assert balanced.there() == {"shop-test-web-v000": ("enabled", 2)}
    assert len(balanced.tree()) == 2
    outputs = balanced.stage("Deploy").outputs
    assert outputs["deploy.server.groups"] == {REGION: ["shop-test-web-v000"]}
    context = balanced.stage("Deploy in eu-west-1").context
    assert context["capacitySnapshot"] == {"minSize": 2, "desiredCapacity": 2, "maxSize": 6}
    assert context["lastCapacityCheck"]["up"] == 2
    assert (context["targetDesiredSize"], context["currentInstanceCount"]) == (2, 2)
    assert (context["asgName"], context["deploy.account.name"]) == ("shop-test-web-v000", ACCOUNT)


def test_highlander_leaves_one(balanced: World):
    balanced.group("shop-test-web-v006")
    balanced.group("shop-test-web-v007")
    assert balanced.run(deploy(balanced, strategy="Highlander")).status == "SUCCEEDED"
    assert balanced.there() == {"shop-test-web-v008": ("enabled", 2)}
    assert "1<1>1<1 disableCluster 'disableCluster' [disableCluster,waitForClusterDisable]" in balanced.tree()


def test_an_unknown_strategy_leaves_the_others_as_they_are(balanced: World):
    balanced.group("shop-test-web-v007")
    assert balanced.run(deploy(balanced, strategy="blue/green")).status == "SUCCEEDED"
    assert [state for state, _ in balanced.there().values()] == ["enabled", "enabled"]


@pytest.mark.parametrize("behind", ["a load balancer", "nothing"])
def test_red_black_with_scale_down_keeps_an_empty_server_group_for_the_way_back(balanced: World, behind: str):
    if behind == "nothing":
        for region in ("eu-west-1", "us-east-1"):
            balanced.cloud.load_balancers.delete(ACCOUNT, region, "shop-web")
    balanced.group("shop-test-web-v007")
    changes = {"scaleDown": True, "delayBeforeScaleDownSec": 5, "maxRemainingAsgs": None}
    if behind == "nothing":
        changes["targetGroups"] = []
    execution = balanced.run(deploy(balanced, **changes))
    assert execution.status == "SUCCEEDED", execution.message
    assert [line.split(" ", 1)[1] for line in balanced.tree()[2:]] == [
        "wait 'Wait Before Disable' [wait]",
        "disableCluster 'disableCluster' [disableCluster,waitForClusterDisable]",
        "wait 'Wait Before Scale Down' [wait]",
        "scaleDownCluster 'scaleDown' [scaleDownCluster,waitForScaleDownCluster]",
        "watchServerGroup 'Watch shop-test-web-v008' [watchServerGroup]",
    ]
    assert balanced.there() == {"shop-test-web-v007": ("disabled", 0), "shop-test-web-v008": ("enabled", 2)}


def test_the_old_server_group_is_not_disabled_when_the_new_one_has_fallen_ill_meanwhile(balanced: World):
    balanced.group("shop-test-web-v007")
    balanced.begin(deploy(balanced, maxRemainingAsgs=None))
    balanced.look_until("Wait Before Disable")
    balanced.cloud.never_healthy("shop-test-web-v008")
    sick = balanced.cloud.server_groups.get(ACCOUNT, REGION, "shop-test-web-v008").instances[0]
    balanced.cloud.mark_down(sick.id)
    execution = balanced.go_on()
    assert execution.status == "TERMINAL"
    assert (
        "Refused to disable shop-test-web-v007: shop-test-web-v008 has 1 healthy instances of 2. Nothing was changed."
        in execution.message
    )
    assert [state for state, _ in balanced.there().values()] == ["enabled", "disabled"], "it went back by itself"


def test_every_region_and_cluster_is_deployed_beside_the_others(balanced: World):
    other = balanced.cloud.add_image(ACCOUNT, "us-east-1", "shop-1.0", package="shop", version="1.0")
    clusters = [
        CLUSTER | {"imageId": balanced.image.id},
        CLUSTER | {"imageId": other.id, "freeFormDetails": "", "availabilityZones": {}, "region": "us-east-1"},
    ]
    assert balanced.run({"type": "deploy", "name": "Deploy", "clusters": clusters}).status == "SUCCEEDED"
    assert balanced.stage("Deploy").outputs["deploy.server.groups"] == {
        "eu-west-1": ["shop-test-web-v000"],
        "us-east-1": ["shop-test-v000"],
    }


def test_the_capacity_of_the_source_is_taken_over(balanced: World):
    balanced.group("shop-test-web-v007", size=3)
    execution = balanced.run(deploy(balanced, useSourceCapacity=True, strategy=""))
    assert execution.status == "SUCCEEDED", execution.message
    assert balanced.there()["shop-test-web-v008"] == ("enabled", 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"imageId": None}, "No AMI found for eu-west-1. Make sure an upstream stage (e.g. bake, find image)"),
        ({"imageId": "img-0"}, "imageId: image 'img-0' does not exist in eu-west-1."),
        (
            {"capacity": {"min": 3, "desired": 1, "max": 2}},
            "clusters[0].capacity: min 3 <= desired 1 <= max 2 does not hold",
        ),
        ({"targetGroups": ["other"]}, "loadBalancers: load balancer 'other' does not exist."),
        ({"useSourceCapacity": True}, "useSourceCapacity: shop-test-web has no server group in eu-west-1."),
        ({"account": "prod"}, "account: account 'prod' does not exist."),
        ({"stack": "a b"}, "stack: 'a b' may hold only letters, digits, dot and underscore."),
    ],
)
def test_what_is_wrong_with_a_deployment_is_told_by_its_field(balanced: World, changes: dict, message: str):
    execution = balanced.run(deploy(balanced, **changes))
    assert execution.status == "TERMINAL"
    assert message in execution.message
    assert balanced.there() == {}
