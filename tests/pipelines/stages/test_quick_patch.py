"""Patching a server group's instances: the rules on a cloud in memory, what clients notice on a real one."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.contrib.auth import get_user_model

from clusters import inventory
from clusters.core.values import Capacity, Health, ServerGroup, ServerGroupRequest
from clusters.models import Account, Application, AuditEntry, Instance
from clusters.models import ServerGroup as Row
from clusters.providers import PROVIDERS
from clusters.trust.permissions import Actor, actor_of
from pipelines.core.definition import read
from pipelines.engine import admit
from pipelines.engine.drive import drive
from pipelines.models import Execution, Stage, Step
from tests import clouds
from tests.clouds import Stage as CloudStage
from tests.clusters.providers.local import app
from tests.clusters.providers.local.traffic import Traffic, get
from tests.local_agent import LocalAgent, agent
from tests.pipelines.stages.conftest import ACCOUNT, REGION, World

__all__ = ["agent"]

PATCH = {"type": "quickPatch", "name": "Patch", "credentials": ACCOUNT, "region": REGION, "clusterName": "shop-test"}
STEPS = "[verifyQuipIsRunning,triggerQuip,monitorQuip,instanceHealthCheck,waitForDiscoveryState]"


@pytest.fixture
def stocked(balanced: World) -> World:
    balanced.group("shop-test-v001", is_disabled=True)
    balanced.group("shop-test-v002", size=3)
    balanced.upload("shop", "1.1")
    balanced.upload("shop", "1.2")
    return balanced


def patched(world: World, name: str = "shop-test-v002") -> list[str]:
    group = world.cloud.server_groups.get(ACCOUNT, REGION, name)
    return [instance.patched.get("shop", "-") for instance in group.instances]


def test_all_at_once_has_one_child_for_the_enabled_server_group(stocked: World):
    execution = stocked.run({**PATCH, "package": "shop"})
    assert execution.status == "SUCCEEDED", execution.message
    assert stocked.tree() == [
        "1 quickPatch 'Patch' [resolveQuipVersion]",
        f"1>1 bulkQuickPatch 'bulkQuickPatchStage' {STEPS}",
    ]
    assert (patched(stocked), patched(stocked, "shop-test-v001")) == (["1.2"] * 3, ["-"] * 2)
    context = stocked.stage("Patch").context
    assert (context["version"], len(context["instanceIds"]), context["skippedInstances"]) == ("1.2", 3, {})
    assert AuditEntry.objects.filter(action="instance.patch", after__package="shop 1.2").count() == 3


def test_rolling_takes_one_after_the_other_or_a_batch(stocked: World):
    stocked.run({**PATCH, "package": "shop", "patchVersion": "1.1", "rollingPatch": True})
    assert [line.split()[0] for line in stocked.tree()] == ["1", "1>1", "1>2", "1>3"]
    assert patched(stocked) == ["1.1"] * 3
    stocked.run({**PATCH, "package": "shop", "rollingPatch": True, "batchSize": 2})
    assert [line.split()[0] for line in stocked.tree()] == ["1", "1>1", "1>2"]
    assert patched(stocked) == ["1.2"] * 3


def test_what_runs_the_version_already_is_left_alone_if_asked(stocked: World):
    one, *others = (i.id for i in stocked.cloud.server_groups.get(ACCOUNT, REGION, "shop-test-v002").instances)
    stocked.cloud.instances.patch(ACCOUNT, REGION, one, "shop", "1.2", "before")
    stocked.run({**PATCH, "package": "shop", "skipUpToDate": True})
    assert stocked.stage("Patch").context["instanceIds"] == others
    assert list(stocked.stage("Patch").context["skippedInstances"]) == [one]
    stocked.run({**PATCH, "package": "shop", "skipUpToDate": True})
    assert [line.split()[0] for line in stocked.tree()] == ["1"]
    stocked.upload("shop", "0.9")
    new = stocked.group("shop-new-v000", size=1)
    stocked.run({**PATCH, "clusterName": "shop-new", "package": "shop", "patchVersion": "0.9", "skipUpToDate": True})
    assert list(stocked.stage("Patch").context["skippedInstances"]) == [new.instances[0].id]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"package": "none"}, "package: no version of none has been uploaded."),
        ({"package": "shop", "patchVersion": "9"}, "package: shop 9 has not been uploaded. Nothing was changed."),
        (
            {"package": "shop", "clusterName": "shop-none"},
            "There is no enabled server group of shop-none in eu-west-1.",
        ),
        ({"package": "shop", "regions": ["a", "b"]}, "regions: a cluster is patched in one region"),
        ({"package": "shop", "batchSize": 0}, "batchSize: "),
        ({}, "package: Field required"),
    ],
)
def test_what_cannot_be_patched_is_told_and_nothing_is_changed(stocked: World, fields: dict, message: str):
    execution = stocked.run({**PATCH, **fields})
    assert execution.status == "TERMINAL"
    assert message in execution.message
    assert patched(stocked) == ["-"] * 3


def test_of_several_enabled_server_groups_none_is_guessed(stocked: World):
    stocked.group("shop-test-v003")
    message = stocked.run({**PATCH, "package": "shop"}).message
    assert "Several server groups of shop-test in eu-west-1 are enabled: shop-test-v003, shop-test-v002." in message


def test_a_cloud_that_cannot_patch_says_what_to_do_instead(stocked: World):
    stocked.cloud.can_patch = False
    message = stocked.run({**PATCH, "package": "shop"}).message
    assert "running instances of account main cannot be patched; bake an image and deploy it." in message


def test_an_instance_that_is_replaced_meanwhile_stops_it_before_the_next_batch(stocked: World):
    stocked.cloud.never_healthy("shop-test-v002")  # it would be done at once
    stocked.begin({**PATCH, "package": "shop", "rollingPatch": True})
    stocked.look_until("bulkQuickPatchStage 1")
    first, *others = stocked.stage("Patch").context["instanceIds"]
    stocked.cloud.instances.terminate(ACCOUNT, REGION, first)
    execution = stocked.go_on()
    assert execution.status == "TERMINAL"
    assert f"Patched before: none; this batch: {first}; untouched: {', '.join(others)}." in execution.message
    assert patched(stocked).count("1.2") == 0


# On this host, with real processes behind a real HAProxy.


@dataclass
class Local:
    """The application `app` with two instances that run version 1."""

    stage: CloudStage
    actor: Actor
    group: ServerGroup
    address: str

    def upload(self, version: str, package: bytes) -> None:
        self.stage.cloud.packages.put("app", version, io.BytesIO(package))

    def patch(self, seconds: float = 60, **fields: object) -> Execution:
        place = {"credentials": clouds.ACCOUNT, "region": clouds.REGION, "clusterName": "app-main"}
        stage = {"refId": "1", "type": "quickPatch", "name": "Patch", "package": "app", **place, **fields}
        document = {"name": "Try", "stages": [stage]}
        execution = admit.admit(admit.Admission("app", read(document), document, self.actor))[0]
        until = time.monotonic() + seconds
        while not execution.is_complete:
            assert time.monotonic() < until, list(Step.objects.values_list("name", "waiting_for"))
            drive(execution.pk)
            time.sleep(0.05)
            execution.refresh_from_db()
        return execution

    def answers(self) -> list[str]:
        return [get(instance.address)[1] for instance in self.stage.get(self.group.name).instances]


@pytest.fixture
def local(agent: LocalAgent, transactional_db: None) -> Iterator[Local]:
    stage = CloudStage(agent.cloud)
    PROVIDERS["local"], before = agent.cloud, PROVIDERS["local"]
    Account.objects.create(name=clouds.ACCOUNT, provider="local", regions=[clouds.REGION])
    Application.objects.create(name="app")
    image = stage.bake("app", "1", app.build())
    address = stage.balancer("web").address
    request = ServerGroupRequest(clouds.REGION, "app-main-v000", image.id, Capacity(0, 2, 3), ("web",))
    try:
        group = stage.create(request)
        yield Local(stage, actor_of(get_user_model().objects.create_superuser("ada")), group, address)
    finally:
        stage.clear()
        PROVIDERS["local"] = before


@pytest.mark.xdist_group("agent")
def test_rolling_under_traffic_costs_no_request_and_the_server_group_shows_it(local: Local):
    local.upload("2-rolling", app.build("patched"))
    with Traffic(local.address) as traffic:
        execution = local.patch(patchVersion="2-rolling", rollingPatch=True)
    assert execution.status == "SUCCEEDED", execution.message
    assert traffic.failures == []
    assert local.answers() == ["patched", "patched"]
    assert set(traffic.served) == {instance.id for instance in local.group.instances}
    ended = list(
        Stage.objects.filter(type_key="bulkQuickPatch").order_by("position").values_list("started_at", "ended_at")
    )
    assert ended[0][1] <= ended[1][0]  # one was healthy before the next was touched
    inventory.refresh(clouds.ACCOUNT, clouds.REGION)
    row = Row.objects.get(name=local.group.name)
    assert row.tags["patched"] == "app 2-rolling on 2 of 2"


@pytest.mark.xdist_group("agent")
def test_all_at_once_patches_all_together(local: Local):
    local.upload("2-at-once", app.build("patched"))
    assert local.patch(patchVersion="2-at-once").status == "SUCCEEDED"
    assert local.answers() == ["patched", "patched"]


@pytest.mark.xdist_group("agent")
def test_a_version_that_fails_its_check_stops_before_the_second_and_costs_no_request(local: Local):
    local.upload("2-sick", app.build("patched", health=503))
    with Traffic(local.address) as traffic:
        execution = local.patch(patchVersion="2-sick", rollingPatch=True, unhealthyAfter=1)
    assert execution.status == "TERMINAL"
    first, second = (instance.id for instance in local.group.instances)
    assert f"With app 2-sick not healthy: {first} HTTP 503 on /health." in execution.message
    assert f"Patched before: none; this batch: {first}; untouched: {second}." in execution.message
    assert traffic.failures == []
    healths = {instance.id: instance.health for instance in local.stage.get(local.group.name).instances}
    assert healths[second] is Health.UP
    assert get(local.address)[1] == "hello"


@pytest.mark.xdist_group("agent")
def test_a_version_that_does_not_start_is_replaced_by_the_image_and_told(local: Local):
    local.upload("2-broken", app.packed("#!/bin/sh\nexit 3\n"))
    execution = local.patch(patchVersion="2-broken", rollingPatch=True)
    assert execution.status == "TERMINAL"
    assert "did not come back with app 2-broken: app-main-v000 has replaced it" in execution.message
    local.stage.until(local.group.name, lambda group: group.count(Health.UP) == 2 and group.patches == {})
    assert local.answers() == ["hello", "hello"]
    assert not Instance.objects.filter(health="Down").exists()
