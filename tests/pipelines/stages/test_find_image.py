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
        ({"imageNamePattern": r"shop-\d\.\d"}, "shop-test-v003"),
        ({"imageNamePattern": "(a+)+$"}, "Find: imageNamePattern: '(a+)+$' does not match 'shop-0.9' (img-"),
        ({"imageNamePattern": "shop"}, "Find: imageNamePattern: 'shop' does not match 'shop-0.9' (img-"),
        ({"imageNamePattern": "shop("}, "Find: imageNamePattern: is no regular expression of RE2: missing ): shop("),
    ],
)
def test_one_image_is_chosen(world: World, fields: dict, found: str):
    world.group("shop-test-v001")
    world.group("shop-test-v002", size=3)
    world.group("shop-test-v003", size=1)
    world.group("shop-test-v004", is_disabled=True)
    assert find(world, **fields).startswith(found)


def test_a_pattern_that_does_not_match_says_what_was_looked_at(world: World):
    world.group("shop-test-v001")
    world.group("shop-test-v002", is_disabled=True)
    group = world.group("shop-test-v003")
    assert find(world, imageNamePattern="web-.*") == (
        f"Find: imageNamePattern: 'web-.*' does not match 'shop-0.9' ({group.image_id}), the image of shop-test-v003 in "
        "eu-west-1. Looked at 2 enabled server groups of shop-test, by NEWEST: shop-test-v003, shop-test-v001."
    )


def test_a_pattern_holds_where_the_cluster_is_missing_too(world: World):
    world.group("shop-test-v001")
    world.cloud.add_image(ACCOUNT, "us-east-1", "shop-0.9-ebs")
    wish = {**FIND, "regions": [REGION, "us-east-1"], "resolveMissingLocations": True, "imageNamePattern": "shop-0.9"}
    assert world.run(wish).message == (
        "Find: Could not find cluster 'shop-test' for 'main' in 'us-east-1'. Images of the same base name are there, but"
        " imageNamePattern 'shop-0.9' matches none of shop-0.9-ebs."
    )
    world.cloud.add_image(ACCOUNT, "us-east-1", "web-1.0")
    assert world.run({**wish, "imageNamePattern": "shop-0.9(-ebs)?"}).status == "SUCCEEDED"
    assert world.stage("Find").context["regions"] == [REGION, "us-east-1"]


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
