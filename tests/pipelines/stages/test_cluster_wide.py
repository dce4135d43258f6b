"""Stages about all server groups of a cluster but a few, and the way back, on the real engine."""

from __future__ import annotations

import pytest

from clusters.providers.base import InvalidRequest
from pipelines.engine.drive import drive
from pipelines.models import Execution
from tests.pipelines.stages.conftest import ACCOUNT, REGION, REGIONS, World

ABOUT = {"name": "Do", "cluster": "shop-test", "credentials": ACCOUNT, "regions": [REGION]}


@pytest.fixture
def four(balanced: World) -> World:
    balanced.group("shop-test-v001", is_disabled=True)
    balanced.group("shop-test-v002", size=3, is_disabled=True)
    balanced.group("shop-test-v003")
    balanced.group("shop-test-v004")
    return balanced


def short(world: World, state: str = "") -> str:
    names = [name for name, (is_state, _) in world.there().items() if not state or is_state == state]
    return " ".join(name.removeprefix("shop-test-") for name in names)


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({"shrinkToSize": 3}, "v002 v003 v004"),
        ({"shrinkToSize": 2}, "v003 v004"),
        ({"shrinkToSize": 1}, "v003 v004"),
        ({"shrinkToSize": 3, "retainLargerOverNewer": "true"}, "v002 v003 v004"),
        ({"shrinkToSize": 1, "allowDeleteActive": True}, "v004"),
        ({"shrinkToSize": 0, "allowDeleteActive": True}, ""),
    ],
)
def test_a_cluster_shrinks_to_a_few(four: World, fields: dict, left: str):
    execution = four.run({**ABOUT, "type": "shrinkCluster", **fields})
    assert execution.status == "SUCCEEDED", execution.message
    assert short(four) == left


def test_a_disabled_cluster_keeps_the_newest_enabled(four: World):
    assert four.run({**ABOUT, "type": "disableCluster"}).status == "SUCCEEDED"
    assert short(four, "enabled") == "v004"
    assert four.stage("Do").context["deploy.server.groups"] == {REGION: ["shop-test-v003"]}


def test_scaling_down_empties_what_is_disabled(four: World):
    execution = four.run({**ABOUT, "type": "scaleDownCluster"})
    assert execution.status == "SUCCEEDED", execution.message
    sizes = {name[-4:]: size for name, (_, size) in four.there().items()}
    assert sizes == {"v001": 0, "v002": 0, "v003": 2, "v004": 2}


def test_several_regions_are_done_one_after_the_other(four: World):
    four.group("shop-test-v001", region="us-east-1")
    four.group("shop-test-v002", region="us-east-1")
    execution = four.run({**ABOUT, "type": "disableCluster", "regions": list(REGIONS)})
    assert execution.status == "SUCCEEDED", execution.message
    assert four.tree() == [
        "1 disableCluster 'Do' []",
        "1<1 disableCluster 'Disable cluster in eu-west-1' [disableCluster,waitForClusterDisable]",
        "1<2 disableCluster 'Disable cluster in us-east-1' [disableCluster,waitForClusterDisable]",
    ]
    assert four.there("us-east-1")["shop-test-v001"] == ("disabled", 2)


@pytest.mark.parametrize(
    ("fields", "status"),
    [({}, "TERMINAL"), ({"shrinkToSize": 0}, "SUCCEEDED"), ({"continueIfClusterNotFound": True}, "SUCCEEDED")],
)
def test_a_missing_cluster_is_an_error_unless_that_is_fine(balanced: World, fields: dict, status: str):
    execution = balanced.run({**ABOUT, "type": "shrinkCluster", **fields})
    assert execution.status == status
    if status == "TERMINAL":
        assert "There is no cluster shop-test in eu-west-1 of main." in execution.message


def test_after_a_crash_between_two_of_a_list_the_rest_follows(four: World, monkeypatch: pytest.MonkeyPatch):
    class Gone(BaseException):
        """The worker ends here."""

    destroy = type(four.cloud.server_groups).destroy
    calls = []

    def dying(self, account: str, region: str, name: str) -> None:
        calls.append(name)
        destroy(self, account, region, name)
        if len(calls) == 2:
            raise Gone

    monkeypatch.setattr(type(four.cloud.server_groups), "destroy", dying)
    four.begin({**ABOUT, "type": "shrinkCluster", "shrinkToSize": 2})
    with pytest.raises(Gone):
        drive(four.execution.pk)
    assert four.go_on().status == "SUCCEEDED"
    assert short(four) == "v003 v004"
    assert set(calls) == {"shop-test-v001", "shop-test-v002"}
    assert len(calls) <= 3


def test_what_the_cloud_refuses_in_the_middle_is_told_with_what_is_left(four: World):
    destroy = four.cloud.server_groups.destroy
    four.cloud.fail("server_groups.destroy", InvalidRequest("scaling activity in progress"))
    execution = four.run({**ABOUT, "type": "shrinkCluster", "shrinkToSize": 2})
    assert execution.status == "TERMINAL"
    assert "scaling activity in progress. not shop-test-v002 destroyed, shop-test-v001 destroyed" in execution.message
    assert destroy


def test_a_rollback_brings_the_previous_one_back_at_full_size(balanced: World):
    balanced.group("shop-test-v003", size=1, is_disabled=True)
    balanced.group("shop-test-v004", size=3)
    execution = balanced.run({**ABOUT, "type": "rollbackCluster"})
    assert execution.status == "SUCCEEDED", execution.message
    resize = "[resizeServerGroup,waitForCapacityMatch]"
    assert balanced.tree() == [
        "1 rollbackCluster 'Do' [determineRollbackCandidates]",
        "1>1 rollbackServerGroup 'Rollback eu-west-1' [captureSourceServerGroupCapacity]",
        "1>1>1 enableServerGroup 'Enable shop-test-v003 due to rollback' [enableServerGroup,waitForUpInstances]",
        f"1>1>2 resizeServerGroup 'Resize Server Group: shop-test-v003 to (min: 3, max: 3, desired: 3)' {resize}",
        "1>1>3 disableServerGroup 'Disable shop-test-v004 due to rollback'"
        " [disableServerGroup,waitForDownInstances,waitForServerGroupDisabled]",
        f"1>1>4 resizeServerGroup 'Restore Min Capacity From Snapshot due to rollback' {resize}",
    ]
    assert balanced.there() == {"shop-test-v003": ("enabled", 3), "shop-test-v004": ("disabled", 3)}
    assert balanced.cloud.server_groups.get(ACCOUNT, REGION, "shop-test-v003").capacity.min == 1
    outputs = balanced.stage("Do").outputs
    assert outputs["rollbackTypes"] == {REGION: "EXPLICIT"}
    assert outputs["rollbackContexts"][REGION]["restoreServerGroupName"] == "shop-test-v003"


def test_regions_roll_back_one_after_the_other_with_a_wait_between(balanced: World):
    for region in REGIONS:
        balanced.group("shop-test-v003", region=region, is_disabled=True)
        balanced.group("shop-test-v004", region=region)
    wish = {"regions": list(REGIONS), "waitTimeBetweenRegions": 60}
    execution = balanced.run({**ABOUT, "type": "rollbackCluster", **wish}, looks=90)
    assert execution.status == "SUCCEEDED", execution.message
    names = [line.split("'")[1] for line in balanced.tree() if line.count(">") == 1]
    assert names == ["Rollback eu-west-1", "Wait after eu-west-1", "Rollback us-east-1"]


def test_with_one_server_group_there_is_nothing_to_go_back_to(balanced: World):
    balanced.group("shop-test-v004")
    assert balanced.run({**ABOUT, "type": "rollbackCluster"}).status == "SUCCEEDED"
    assert balanced.step("determineRollbackCandidates").message == "Nothing to go back to in eu-west-1"
    assert Execution.objects.count() == 1
