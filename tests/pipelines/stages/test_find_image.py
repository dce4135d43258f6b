"""Finding the image that a cluster runs, and deploying it elsewhere."""

from __future__ import annotations

import pytest

from tests.pipelines.stages.conftest import ACCOUNT, REGION, World

FIND = {"type": "findImage", "name": "Find", "cluster": "shop-test", "credentials": ACCOUNT, "regions": [REGION]}


def find(world: World, **fields) -> str:
    """The server group whose image was found, or the failure's message."""
    execution = world.run({**FIND, **fields})
    if execution.status != "SUCCEEDED":
        return execution.message
    (details,) = world.stage("Find").context["amiDetails"]
    assert world.stage("Find").outputs["deploymentDetails"] == [details]
    group = world.cloud.server_groups.get(ACCOUNT, REGION, details["sourceServerGroup"])
    assert details["ami"] == details["imageId"] == group.image_id
    return details["sourceServerGroup"]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, "shop-test-v003"),
        ({"selectionStrategy": "LARGEST"}, "shop-test-v002"),
        ({"selectionStrategy": "OLDEST"}, "shop-test-v001"),
        ({"onlyEnabled": False}, "shop-test-v004"),
        ({"onlyEnabled": "false", "selectionStrategy": "OLDEST"}, "shop-test-v001"),
        (
            {"selectionStrategy": "FAIL"},
            "Find: Multiple possible server groups present in eu-west-1:"
            " shop-test-v003, shop-test-v002, shop-test-v001.",
        ),
        ({"cluster": "shop-other"}, "Find: Could not find cluster 'shop-other' for 'main' in 'eu-west-1'."),
        ({"imageNamePattern": "a.*"}, "Find: imageNamePattern: patterns are not supported: images are found by the"),
    ],
)
def test_one_image_is_chosen(world: World, fields: dict, found: str):
    world.group("shop-test-v001")
    world.group("shop-test-v002", size=3)
    world.group("shop-test-v003", size=1)
    world.group("shop-test-v004", is_disabled=True)
    assert find(world, **fields).startswith(found)


def test_a_single_server_group_passes_where_several_would_fail(world: World):
    world.group("shop-test-v001")
    assert find(world, selectionStrategy="FAIL") == "shop-test-v001"


def test_a_region_without_the_cluster_takes_an_image_of_the_same_base_name_when_asked(world: World):
    world.group("shop-test-v001")
    elsewhere = world.cloud.add_image(ACCOUNT, "us-east-1", "shop-0.9-ebs")
    execution = world.run({**FIND, "regions": [REGION, "us-east-1"], "resolveMissingLocations": True})
    assert execution.status == "SUCCEEDED", execution.message
    assert world.stage("Find").context["amiDetails"][1]["imageId"] == elsewhere.id


def test_what_was_found_is_deployed(world: World):
    world.group("shop-test-v001")
    cluster = {"account": ACCOUNT, "application": "shop", "stack": "prod", "region": REGION}
    cluster["capacity"] = {"min": 1, "max": 1, "desired": 1}
    deploy = {"type": "deploy", "name": "Deploy", "clusters": [cluster], "requisiteStageRefIds": ["1"]}
    assert world.run({**FIND, "type": "findAmi"}, deploy).status == "SUCCEEDED"
    images = {group.image_id for group in world.cloud.server_groups.list(ACCOUNT, REGION)}
    assert len(images) == 1
