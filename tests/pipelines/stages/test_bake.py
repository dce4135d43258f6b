"""Bakes on the real engine and a cloud in memory."""

from __future__ import annotations

import pytest

from pipelines.stages.parts.baking import BakeConfig
from tests.pipelines.stages.conftest import ACCOUNT, REGION, REGIONS, World

BAKE = {"type": "bake", "name": "Bake", "package": "shop", "regions": [REGION], "cloudProviderType": "memory"}
CLUSTER = {
    "account": ACCOUNT,
    "application": "shop",
    "stack": "test",
    "region": REGIONS[1],
    "capacity": {"min": 1, "max": 1, "desired": 1},
}


def test_the_newest_upload_is_baked_in_each_region_and_told_to_later_stages(world: World):
    world.upload("shop", "1.1")
    world.upload("shop", "1.2")
    execution = world.run({**BAKE, "regions": list(REGIONS)})
    assert execution.status == "SUCCEEDED", execution.message
    steps = "[createBake,monitorBake,completedBake]"
    assert world.tree() == [
        "1 bake 'Bake' [completeParallel]",
        f"1<1 bake 'Bake in eu-west-1' {steps}",
        f"1<2 bake 'Bake in us-east-1' {steps}",
    ]
    details = world.stage("Bake").outputs["deploymentDetails"]
    assert [(each["region"], each["package"]) for each in details] == [(region, "shop") for region in REGIONS]
    child = world.stage("Bake in eu-west-1").context
    assert child["bakePackageName"] == "shop_1.2"
    assert child["ami"] == child["imageId"] == details[0]["ami"] == child["status"]["resourceId"]
    assert (child["status"]["state"], child["status"]["result"]) == ("COMPLETED", "SUCCESS")
    image = world.cloud.images.get(ACCOUNT, REGION, child["imageId"])
    assert (image.version, child["imageName"], child["previouslyBaked"]) == ("1.2", image.name, False)


@pytest.mark.parametrize(
    ("fields", "baked"),
    [
        ({"packageVersion": "1.1"}, "shop_1.1"),
        ({"package": "shop_1.1"}, "shop_1.1"),
        ({"package": "shop_1.1_all"}, "shop_1.1"),
    ],
)
def test_a_version_that_is_named_is_baked(world: World, fields: dict, baked: str):
    world.upload("shop", "1.1")
    world.upload("shop", "1.2")
    assert world.run({**BAKE, **fields}).status == "SUCCEEDED"
    assert world.stage("Bake in eu-west-1").context["bakePackageName"] == baked


def test_what_the_image_builder_may_know_is_passed_on_as_text():
    fields = {"package": "shop", "regions": ["r"], "enhancedNetworking": "true", "rootVolumeSize": 20}
    config = BakeConfig.model_validate(fields | {"extendedAttributes": {"debug": True, "disk": 5}})
    assert config.extra == {
        "baseLabel": "release",
        "enhancedNetworking": "true",
        "rootVolumeSize": "20",
        "debug": "true",
        "disk": "5",
    }


def test_an_equal_bake_is_done_once_unless_asked_again(world: World):
    world.upload("shop", "1.1")
    world.run(BAKE)
    world.run(BAKE)
    assert world.stage("Bake in eu-west-1").context["previouslyBaked"] is True
    world.run({**BAKE, "rebake": True})
    assert world.stage("Bake in eu-west-1").context["previouslyBaked"] is False


def test_regions_that_a_later_stage_deploys_to_are_baked_too_and_deployed_from(world: World):
    world.upload("shop", "1.1")
    deploy = {"type": "deploy", "name": "Deploy", "clusters": [CLUSTER], "requisiteStageRefIds": ["1"]}
    execution = world.run(BAKE, deploy)
    assert execution.status == "SUCCEEDED", execution.message
    assert "1<2 bake 'Bake in us-east-1' [createBake,monitorBake,completedBake]" in world.tree()
    group = world.cloud.server_groups.get(ACCOUNT, "us-east-1", "shop-test-v000")
    assert group.image_id == world.stage("Bake in us-east-1").context["imageId"]


def test_region_detection_can_be_switched_off(world: World):
    world.upload("shop", "1.1")
    deploy = {"type": "deploy", "name": "Deploy", "clusters": [CLUSTER], "requisiteStageRefIds": ["1"]}
    execution = world.run({**BAKE, "skipRegionDetection": True}, deploy)
    assert "No AMI found for us-east-1." in execution.message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"package": "other"}, "package: no version of other has been uploaded."),
        ({"package": "shop cart"}, "package: one image holds one package, not 'shop cart'."),
        ({"packageVersion": "9"}, "9"),
        ({"cloudProviderType": "aws"}, "account: say which; there are 0 accounts of aws."),
        ({"account": "prod"}, "account: account 'prod' does not exist."),
        ({"regions": ["mars"]}, "region: 'mars' is not a region of account main."),
        ({"regions": []}, "regions: name at least one region"),
        ({"package": None}, "package: Field required"),
    ],
)
def test_what_is_wrong_with_a_bake_is_told_by_its_field(world: World, fields: dict, message: str):
    world.upload("shop", "1.1")
    execution = world.run({**BAKE, **fields})
    assert execution.status == "TERMINAL"
    assert message in execution.message
