"""Whoever may start a pipeline sees through it only the accounts they may READ."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from clusters.models import Account, AccountPermission, Application, ApplicationPermission
from clusters.providers.base import Unavailable
from clusters.trust.permissions import EXECUTE, READ, WRITE, actor_of
from tests.pipelines.stages.conftest import ACCOUNT, REGION, World

PLACE = {"name": "Do", "credentials": ACCOUNT, "regions": [REGION], "cluster": "shop-test"}
CLUSTER = {
    "account": ACCOUNT,
    "application": "shop",
    "stack": "test",
    "region": REGION,
    "capacity": {"min": 1, "max": 1, "desired": 1},
}
READING = [
    {**PLACE, "type": "findImage"},
    {**PLACE, "type": "determineTargetServerGroup", "target": "current_asg_dynamic"},
    {**PLACE, "type": "disableServerGroup", "serverGroupName": "shop-test-v001"},
    {**PLACE, "type": "disableServerGroup", "serverGroupName": "shop-test-v001", "replacedBy": "shop-test-v002"},
    {**PLACE, "type": "destroyServerGroup", "serverGroupName": "shop-test-v001", "skipDisableBeforeDestroy": True},
    {**PLACE, "type": "resizeServerGroup", "serverGroupName": "shop-test-v001", "scaleNum": 1, "action": "scale_up"},
    {**PLACE, "type": "shrinkCluster"},
    {**PLACE, "type": "rollbackCluster"},
    {**CLUSTER, "name": "Do", "type": "cloneServerGroup"},
    {**PLACE, "type": "findImageFromTags", "packageName": "shop", "tags": {"a": "b"}, "cloudProvider": "memory"},
    {**PLACE, "type": "upsertImageTags", "imageNames": ["shop-1.0"], "tags": {"a": "b"}},
    {
        "name": "Do",
        "type": "checkPreconditions",
        "preconditions": [{"type": "clusterSize", "context": {**PLACE, "comparison": ">=", "expected": 0}}],
    },
    {**PLACE, "type": "bake", "package": "shop"},
    {**PLACE, "type": "bake", "package": "shop", "credentials": "", "cloudProviderType": "memory"},
    {"name": "Do", "type": "deploy", "clusters": [CLUSTER]},
]


@pytest.fixture
def outsider(world: World) -> World:
    """The same world seen by somebody with EXECUTE on the application and nothing on the account."""
    starters = Group.objects.create(name="starters")
    ApplicationPermission.objects.create(
        application=Application.objects.get(name="shop"), role=starters, authorization=EXECUTE
    )
    eve = get_user_model().objects.create(username="eve")
    eve.groups.add(starters)
    world.group("shop-test-v001")
    world.upload("shop", "1.0")
    world.actor = actor_of(eve)
    return world


@pytest.mark.parametrize("stage", READING, ids=lambda stage: stage["type"])
def test_a_stage_shows_nothing_of_an_account_its_starter_may_not_read(outsider: World, stage: dict):
    calls = len(outsider.cloud.calls)
    execution = outsider.run(stage)
    assert execution.status == "TERMINAL", outsider.tree()
    assert f"on account {ACCOUNT}" in execution.message or "there are 0 accounts" in execution.message
    assert len(outsider.cloud.calls) == calls, "the cloud was asked"


def test_read_on_the_account_is_enough_to_find_an_image(outsider: World):
    AccountPermission.objects.create(
        account=Account.objects.get(name=ACCOUNT), role=Group.objects.get(name="starters"), authorization=READ
    )
    assert outsider.run({**PLACE, "type": "findImage"}).status == "SUCCEEDED"
    execution = outsider.run({**PLACE, "type": "disableServerGroup", "serverGroupName": "shop-test-v001"})
    assert "eve lacks WRITE on account main." in execution.message


@pytest.fixture
def deployer(outsider: World) -> World:
    AccountPermission.objects.create(
        account=Account.objects.get(name=ACCOUNT), role=Group.objects.get(name="starters"), authorization=WRITE
    )
    for name in ("shop-test-v002", "shop-test-v003"):
        outsider.group(name)
    return outsider


class Meanwhile:
    """The cloud's server groups; right after the first destroy an administrator takes the role away."""

    def __init__(self, groups) -> None:
        self._groups = groups

    def __getattr__(self, name: str):
        return getattr(self._groups, name)

    def destroy(self, *place: str) -> None:
        self._groups.destroy(*place)
        get_user_model().objects.get(username="eve").groups.clear()


def test_rights_lost_between_two_calls_of_one_effect_stop_the_second(deployer: World):
    deployer.cloud.server_groups = Meanwhile(deployer.cloud.server_groups)
    execution = deployer.run({**PLACE, "type": "shrinkCluster", "allowDeleteActive": True, "shrinkToSize": 1})
    assert execution.status == "TERMINAL"
    assert "eve lacks WRITE on account main." in execution.message
    assert "shop-test-v002 destroyed before; not shop-test-v001 destroyed" in execution.message
    assert list(deployer.there()) == ["shop-test-v001", "shop-test-v003"]


def test_rights_lost_while_a_call_is_tried_again_stop_it(deployer: World):
    deployer.cloud.fail("server_groups.destroy", Unavailable("no answer"))
    stage = {**PLACE, "type": "destroyServerGroup", "serverGroupName": "shop-test-v001"}
    deployer.begin({**stage, "skipDisableBeforeDestroy": True})
    deployer.look()
    assert deployer.step("destroyServerGroup").status == "INTENT"
    get_user_model().objects.get(username="eve").groups.clear()
    assert "eve lacks WRITE on account main." in deployer.look().message
    assert "shop-test-v001" in deployer.there()


def test_a_clone_takes_nothing_of_an_application_that_its_starter_may_not_see(deployer: World):
    """Or its environment would run, and be read, under another application's name."""
    Application.objects.create(name="vault")
    for name in ("vault-main-v000", "unowned-v000"):
        deployer.group(name)
        clone = {"type": "cloneServerGroup", "name": "Clone", "credentials": ACCOUNT, "region": REGION, "stack": "test"}
        message = deployer.run(clone | {"application": "shop", "source": {"serverGroupName": name}}).message
        assert "eve lacks READ on" in message, message
    assert "shop-test-v004" not in deployer.there()
