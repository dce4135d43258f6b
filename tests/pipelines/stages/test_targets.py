"""Stages about one server group per region, on the real engine."""

from __future__ import annotations

import pytest

from clusters.core.values import Capacity
from clusters.providers.base import Unavailable
from tests.pipelines.stages.conftest import ACCOUNT, REGION, REGIONS, World

ABOUT = {"name": "Do", "cluster": "shop-test", "credentials": ACCOUNT, "regions": [REGION]}
NEWEST = {**ABOUT, "target": "current_asg_dynamic"}


@pytest.fixture
def three(balanced: World) -> World:
    balanced.group("shop-test-v001")
    balanced.group("shop-test-v002", size=4)
    balanced.group("shop-test-v003", size=2)
    return balanced


def test_regions_are_done_one_after_the_other_behind_one_look_for_the_targets(three: World):
    three.group("shop-test-v007", region="us-east-1")
    execution = three.run({**NEWEST, "type": "disableServerGroup", "regions": list(REGIONS)})
    assert execution.status == "SUCCEEDED", execution.message
    steps = "[disableServerGroup,waitForDownInstances,waitForServerGroupDisabled]"
    assert three.tree() == [
        "1 disableServerGroup 'Do' []",
        "1<1 determineTargetServerGroup 'determineTargetServerGroup' [determineTargetServerGroup]",
        f"1<2 disableServerGroup 'Disable server group in eu-west-1' {steps}",
        f"1<3 disableServerGroup 'Disable server group in us-east-1' {steps}",
    ]
    assert three.stage("determineTargetServerGroup").outputs["targetReferences"] == [
        {"region": REGION, "account": ACCOUNT, "asgName": "shop-test-v003", "serverGroupName": "shop-test-v003"},
        {"region": "us-east-1", "account": ACCOUNT, "asgName": "shop-test-v007", "serverGroupName": "shop-test-v007"},
    ]
    context = three.stage("Disable server group in eu-west-1").context
    assert context["deploy.server.groups"] == {REGION: ["shop-test-v003"]}
    assert (context["asgName"], context["notification.type"]) == ("shop-test-v003", "disableservergroup")
    assert three.there()["shop-test-v003"] == ("disabled", 2)
    assert three.there()["shop-test-v002"] == ("enabled", 4)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"target": "current_asg_dynamic"}, "shop-test-v003"),
        ({"target": "ancestor_asg_dynamic"}, "shop-test-v002"),
        ({"target": "oldest_asg_dynamic"}, "shop-test-v001"),
        ({"serverGroupName": "shop-test-v002"}, "shop-test-v002"),
        ({"asgName": "shop-test-v002", "region": REGION, "regions": None}, "shop-test-v002"),
    ],
)
def test_the_target_is_found_by_age_or_by_name(three: World, fields: dict, expected: str):
    assert three.run({**ABOUT, "type": "disableServerGroup", **fields}).status == "SUCCEEDED"
    assert [name for name, (state, _) in three.there().items() if state == "disabled"] == [expected]


def test_a_destroy_disables_first_unless_told_not_to(three: World):
    three.run({**NEWEST, "type": "destroyServerGroup"})
    assert "1<2<1 disableServerGroup 'Disable server group'" in "\n".join(three.tree())
    assert "shop-test-v003" not in three.there()
    calls = three.cloud.count_calls("server_groups.disable")
    three.run({**NEWEST, "type": "destroyServerGroup", "skipDisableBeforeDestroy": True})
    assert three.cloud.count_calls("server_groups.disable") == calls
    assert list(three.there()) == ["shop-test-v001"]


def test_what_is_gone_is_as_good_as_disabled_and_destroyed(three: World):
    gone = {**ABOUT, "serverGroupName": "shop-test-v009"}
    assert three.run({**gone, "type": "destroyServerGroup"}).status == "SUCCEEDED"
    execution = three.run({**gone, "type": "enableServerGroup"})
    assert "shop-test-v009 does not exist in eu-west-1 of main." in execution.message


def test_an_enable_waits_until_all_is_well(three: World):
    three.run({**NEWEST, "type": "disableServerGroup"})
    assert three.run({**NEWEST, "type": "enableServerGroup"}).status == "SUCCEEDED"
    assert three.there()["shop-test-v003"] == ("enabled", 2)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"capacity": {"min": 1, "desired": 3, "max": 5}}, (1, 3, 5)),
        ({"capacity": {"desired": "2"}}, (2, 2, 2)),
        ({"action": "scale_up", "scaleNum": 2}, (4, 4, 4)),
        ({"action": "scale_up", "scalePct": 50}, (3, 3, 3)),
        ({"action": "scale_down", "scaleNum": 1}, (1, 1, 1)),
        ({"action": "scale_to_cluster"}, (4, 4, 4)),
        ({"action": "scale_to_server_group", "source": {"serverGroupName": "shop-test-v002"}}, (4, 4, 4)),
        (
            {"action": "scale_to_server_group", "source": {"asgName": "shop-test-v002"}, "scalePct": 50},
            (2, 2, 4),
        ),
    ],
)
def test_a_resize_becomes_one_absolute_capacity(three: World, fields: dict, expected: tuple):
    execution = three.run({**NEWEST, "type": "resizeServerGroup", **fields})
    assert execution.status == "SUCCEEDED", execution.message
    assert three.cloud.server_groups.get(ACCOUNT, REGION, "shop-test-v003").capacity == Capacity(*expected)
    child = three.stage("Resize server group in eu-west-1")
    assert child.context["capacity"] == Capacity(*expected).as_json()
    assert child.outputs["originalCapacity.shop-test-v003"] == {"min": 2, "desired": 2, "max": 2}
    assert three.there()["shop-test-v003"] == ("enabled", expected[1])


def test_a_minimum_that_was_pinned_is_let_go_to_what_it_was(three: World):
    pin = {**NEWEST, "type": "resizeServerGroup", "capacity": {"min": 0, "desired": 3, "max": 5}}
    unpin = {**NEWEST, "type": "resizeServerGroup", "name": "Undo", "unpinMinimumCapacity": True}
    three.run({**pin, "pinMinimumCapacity": True}, {**unpin, "requisiteStageRefIds": ["1"]})
    assert three.cloud.server_groups.get(ACCOUNT, REGION, "shop-test-v003").capacity == Capacity(2, 3, 5)


def test_a_disabled_server_group_is_resized_and_held_again(three: World):
    three.run({**NEWEST, "type": "disableServerGroup"})
    execution = three.run({**NEWEST, "type": "resizeServerGroup", "capacity": {"min": 1, "desired": 1, "max": 1}})
    assert execution.status == "SUCCEEDED", execution.message
    assert three.there()["shop-test-v003"] == ("disabled", 1)
    group = three.cloud.server_groups.get(ACCOUNT, REGION, "shop-test-v003")
    assert {"Launch", "Terminate"} <= group.suspended_processes
    assert three.tree()[2].endswith("[resizeServerGroup,waitForCapacityMatch,suspendScalingProcesses]")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target": None}, "target: name a target, or a serverGroupName"),
        ({"target": "newest"}, "target: newest is not one of current_asg_dynamic, ancestor_asg_dynamic,"),
        ({"cluster": None}, "target: needs a cluster to look in"),
        ({"regions": None}, "regions: name at least one region"),
        ({"account": "other"}, "account: is other, while credentials is main; they name the same thing"),
        ({"capacity": {"min": -1}}, "capacity.min: Input should be greater than or equal to 0"),
        ({"capacity": {"min": 3, "max": 2, "desired": 4}}, "capacity: min 2 <= desired 4 <= max 2 does not hold."),
        ({"action": "scale_to_server_group"}, "source: is needed to scale to a server group."),
    ],
)
def test_what_is_wrong_is_told_by_its_field(three: World, fields: dict, message: str):
    execution = three.run({**NEWEST, "type": "resizeServerGroup", **fields})
    assert execution.status == "TERMINAL"
    assert message in execution.message


def test_a_cloud_that_loses_the_answer_is_asked_what_became_of_it(three: World):
    three.cloud.fail("server_groups.destroy", Unavailable("no answer"), after_doing=True)
    execution = three.run({**NEWEST, "type": "destroyServerGroup", "skipDisableBeforeDestroy": True})
    assert execution.status == "SUCCEEDED", execution.message
    assert list(three.there()) == ["shop-test-v001", "shop-test-v002"]


def test_a_server_group_is_not_disabled_while_its_replacement_is_ill(three: World):
    three.cloud.never_healthy("shop-test-v002")
    group = three.cloud.server_groups.get(ACCOUNT, REGION, "shop-test-v002")
    three.cloud.mark_down(group.instances[0].id)
    execution = three.run({**NEWEST, "type": "disableServerGroup", "replacedBy": "shop-test-v002"})
    assert "Refused to disable shop-test-v003: shop-test-v002 has 3 healthy instances of 4." in execution.message
