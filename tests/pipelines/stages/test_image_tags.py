"""Finding images by their tags, and tagging them, on the real engine."""

from __future__ import annotations

import pytest

from tests.pipelines.stages.conftest import ACCOUNT, REGION, REGIONS, World

FIND = {
    "type": "findImageFromTags", "name": "Find", "packageName": "shop", "tags": {"stack": "test"},
    "credentials": ACCOUNT, "regions": [REGION],
}  # fmt: skip
TAG = {"type": "upsertImageTags", "name": "Tag", "credentials": ACCOUNT, "tags": {"tested": "yes"}}
BEHIND = {"requisiteStageRefIds": ["1"]}


@pytest.fixture
def images(world: World) -> World:
    for name, package, tags in (
        ("shop-1.1", "shop", {"stack": "test"}),
        ("shop-1.2", "shop", {"stack": "test", "appversion": "shop-1.2/nightly/7", "build_host": "https://ci/"}),
        ("shop-extra-1.0", "shop-extra", {"stack": "test"}),
        ("shop-1.3", "shop", {"stack": "prod"}),
    ):
        world.cloud.add_image(ACCOUNT, REGION, name, package=package, tags=tags)
    world.cloud.add_image(ACCOUNT, "us-east-1", "shop-1.1", package="shop", tags={"stack": "test"})
    return world


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, ["shop-1.2"]),
        ({"regions": list(REGIONS)}, ["shop-1.2", "shop-1.1"]),
        ({"tags": {"stack": "prod"}}, ["shop-1.3"]),
        ({"packageName": "shop-*"}, ["shop-extra-1.0"]),
        ({"tags": {}, "imageOwnerAccount": ACCOUNT, "credentials": ""}, ["shop-1.3"]),
        (
            {"tags": {"stack": "moon"}},
            "Could not find tagged image for package: shop and tags: stack=moon in eu-west-1.",
        ),
        ({"packageName": "none", "tags": {}}, "Could not find tagged image for package: none and tags: none in"),
        ({"regions": []}, "regions: name at least one region"),
        ({"credentials": ""}, "account: say which; there are 0 accounts of any cloud."),
    ],
)
def test_the_newest_image_with_all_tags_is_found_in_each_region(images: World, fields: dict, found: list[str] | str):
    execution = images.run(FIND | fields)
    if isinstance(found, str):
        assert found in execution.message
        return
    assert execution.status == "SUCCEEDED", execution.message
    details = images.stage("Find").outputs["deploymentDetails"]
    assert [one["imageName"] for one in details] == found
    assert images.stage("Find").context["amiDetails"] == details
    assert images.tree() == ["1 findImageFromTags 'Find' [findImage]"]


def test_the_build_of_the_image_is_told(images: World):
    images.run(FIND)
    (details,) = images.stage("Find").outputs["deploymentDetails"]
    assert details["jenkins"] == {"name": "nightly", "number": "7", "host": "https://ci/"}


def tags(world: World, name: str, region: str = REGION) -> dict[str, str]:
    return next(i for i in world.cloud.images.list(ACCOUNT, region) if i.name == name).tags


def test_what_was_found_is_tagged_but_for_the_tags_of_its_bake(images: World):
    tag = TAG | {"tags": {"tested": "yes", "stack": "live", "appversion": "other"}} | BEHIND
    execution = images.run(FIND | {"regions": list(REGIONS)}, tag)
    assert execution.status == "SUCCEEDED", execution.message
    assert tags(images, "shop-1.2")["appversion"] == "shop-1.2/nightly/7"
    for name, region in (("shop-1.2", REGION), ("shop-1.1", "us-east-1")):
        assert tags(images, name, region).items() >= {"tested": "yes", "stack": "live"}.items()
    assert "tested" not in tags(images, "shop-1.1")
    assert images.tree()[1] == "2 upsertImageTags 'Tag' [upsertImageTags,waitForTaggedImage]"


def test_images_are_named_or_taken_from_the_stages_said(images: World):
    assert images.run(TAG | {"imageNames": ["shop-1.1"], "regions": [REGION]}).status == "SUCCEEDED"
    assert tags(images, "shop-1.1")["tested"] == "yes"
    prod = FIND | {"name": "Find prod", "tags": {"stack": "prod"}} | BEHIND
    tag = TAG | {"tags": {"first": "1"}, "consideredStages": ["1"], "requisiteStageRefIds": ["2"]}
    assert images.run(FIND, prod, tag).status == "SUCCEEDED"
    assert "first" in tags(images, "shop-1.2")
    assert "first" not in tags(images, "shop-1.3")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "There is no image to tag: what an earlier stage would have supplied in any region."),
        ({"imageNames": ["none"], "regions": [REGION]}, "There is no image to tag: none in eu-west-1."),
        ({"tags": {}}, "tags: give at least one tag"),
        ({"tags": {"Tested": "yes"}}, "tags: 'Tested' is not made of lower-case letters, digits, _ and -"),
    ],
)
def test_what_cannot_be_tagged_is_told(images: World, fields: dict, message: str):
    execution = images.run(TAG | fields)
    assert execution.status == "TERMINAL"
    assert message in execution.message
