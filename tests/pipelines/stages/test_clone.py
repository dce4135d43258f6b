"""Cloning server groups, on the real engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clusters.core.values import Capacity, Listener, LoadBalancerRequest, ServerGroupRequest
from tests.pipelines.stages.conftest import ACCOUNT, REGION, World

CLONE = {"type": "cloneServerGroup", "name": "Clone", "credentials": ACCOUNT, "region": REGION, "stack": "test"}
BAKED = {"type": "findImage", "name": "Find", "credentials": ACCOUNT, "regions": [REGION], "cluster": "shop-other"}


@pytest.fixture
def original(balanced: World) -> World:
    """shop-test-v001, as somebody once made it and has resized it since."""
    image = balanced.cloud.add_image(ACCOUNT, REGION, "shop-0.9")
    request = ServerGroupRequest(
        REGION, "shop-test-v001", image.id, Capacity(1, 1, 2), ("shop-web",), environment={"GREETING": "hi"},
        tags={"owner": "ann"}, health_check_grace_seconds=7,
    )  # fmt: skip
    balanced.cloud.server_groups.create(ACCOUNT, request, "earlier")
    balanced.cloud.server_groups.resize(ACCOUNT, REGION, "shop-test-v001", Capacity(1, 3, 4))
    balanced.cloud.advance(3)
    return balanced


def blueprint(world: World, name: str) -> ServerGroupRequest:
    made = world.cloud.server_groups.blueprint(ACCOUNT, REGION, name)
    return replace(made, tags={key: value for key, value in made.tags.items() if key == "owner"})


def test_a_clone_is_like_its_source_as_it_is_now(original: World):
    execution = original.run(CLONE)
    assert execution.status == "SUCCEEDED", execution.message
    source = blueprint(original, "shop-test-v001")
    assert blueprint(original, "shop-test-v002") == replace(source, name="shop-test-v002")
    assert source.capacity == Capacity(1, 3, 4)
    steps = "[determineSourceServerGroup,claimCluster,cloneServerGroup,waitForUpInstances]"
    assert original.tree() == [f"1 cloneServerGroup 'Clone' {steps}"]
    stage = original.stage("Clone")
    assert stage.outputs["deploy.server.groups"] == {REGION: ["shop-test-v002"]}
    assert stage.outputs["source"]["serverGroupName"] == "shop-test-v001"


def test_what_is_given_takes_the_place_of_the_source_s(original: World):
    original.cloud.load_balancers.upsert(ACCOUNT, LoadBalancerRequest(REGION, "shop-new", Listener(0)))
    change = {
        "capacity": {"min": 1, "desired": 1, "max": 1}, "loadBalancers": ["shop-new"], "environment": {"A": "b"},
        "amiName": "shop-1.0", "healthCheckGracePeriod": 9, "freeFormDetails": "canary",
        "source": {"asgName": "shop-test-v001", "account": ACCOUNT, "region": REGION},
    }  # fmt: skip
    assert original.run(CLONE | change).status == "SUCCEEDED", original.execution.message
    made = blueprint(original, "shop-test-canary-v000")
    assert (made.capacity, made.load_balancers) == (Capacity(1, 1, 1), ("shop-new",))
    assert (made.environment, made.health_check_grace_seconds, made.tags) == ({"A": "b"}, 9, {"owner": "ann"})
    assert made.image_id == original.image.id


def test_an_earlier_stage_supplies_the_image_and_the_strategy_sees_to_the_former_one(original: World):
    original.cloud.server_groups.create(
        ACCOUNT, ServerGroupRequest(REGION, "shop-other-v000", original.image.id, Capacity(0, 0, 1)), "other"
    )
    clone = CLONE | {"strategy": "redblack", "useSourceCapacity": True, "requisiteStageRefIds": ["1"]}
    assert original.run(BAKED, clone).status == "SUCCEEDED", original.execution.message
    assert blueprint(original, "shop-test-v002").image_id == original.image.id
    assert original.there()["shop-test-v001"] == ("disabled", 3)
    assert original.there()["shop-test-v002"] == ("enabled", 3)


def test_the_name_follows_the_source_of_another_cluster(original: World):
    clone = {name: value for name, value in CLONE.items() if name != "stack"}
    clone |= {"targetCluster": "shop-test", "target": "current_asg_dynamic"}
    assert original.run(clone).status == "SUCCEEDED", original.execution.message
    assert "shop-test-v002" in original.there()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"source": {"serverGroupName": "shop-test-v009"}},
            "There is no shop-test-v009 in eu-west-1 of main to clone.",
        ),
        ({"target": "ancestor_asg_dynamic"}, "There is no ancestor_asg_dynamic of shop-test in eu-west-1 of main"),
        ({"target": "best"}, "target: best is not one of"),
        ({"securityGroups": ["none"]}, "securityGroups: security group 'none' does not exist"),
        ({"imageId": "img-none"}, "imageId: image 'img-none' does not exist"),
    ],
)
def test_what_cannot_be_cloned_is_told(original: World, fields: dict, message: str):
    execution = original.run(CLONE | fields)
    assert execution.status == "TERMINAL"
    assert message in execution.message
    assert list(original.there()) == ["shop-test-v001"]
