"""Two deployments to one cluster: the second waits until the first and its strategy have ended, or takes over."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from django.urls import reverse

from clusters.models import Application, AuditEntry, ClusterClaim
from clusters.trust.permissions import Refused, actor_of
from pipelines.models import Execution, Step
from pipelines.operations import Conflict, take_over, waits_for_claim
from spinnaker_web import fillers
from tests.pipelines.stages.conftest import ACCOUNT, REGION, World, balanced, world

__all__ = ["balanced", "world"]

CLUSTER = {
    "account": ACCOUNT,
    "application": "shop",
    "stack": "test",
    "region": REGION,
    "capacity": {"min": 1, "desired": 1, "max": 1},
    "loadBalancers": ["shop-web"],
    "strategy": "redblack",
    "delayBeforeDisableSec": 60,
}


def deploy(world: World, **changes: object) -> dict:
    return {"type": "deploy", "name": "Deploy", "clusters": [CLUSTER | {"imageId": world.image.id} | changes]}


@pytest.fixture
def two(balanced: World) -> tuple[Execution, Execution]:
    """The first waits before it disables the old server group, the second has looked."""
    balanced.group("shop-test-v000", size=1)
    first = balanced.begin(deploy(balanced))
    balanced.look_until("Wait Before Disable")
    second = balanced.begin(deploy(balanced))
    balanced.look()
    return first, second


def waiting(execution: Execution) -> Step:
    return Step.objects.get(stage__execution=execution, name="claimCluster")


def go_on(world: World, execution: Execution) -> Execution:
    world.execution = execution
    return world.go_on()


def test_the_second_waits_and_says_for_whom_and_until_when_then_takes_over_from_the_new_one(
    balanced: World, two: tuple[Execution, Execution]
):
    first, second = two
    assert ClusterClaim.objects.get().execution_id == first.ulid
    told = waiting(second).waiting_for
    assert re.fullmatch(
        rf"{re.escape(str(first))}, Deploy in {REGION}, started by ada \(since \d\d:\d\d UTC\) to end;"
        r" it waits until \d\d:\d\d UTC at most. Take over to cancel that one",
        told,
    ), told
    assert balanced.there() == {"shop-test-v000": ("enabled", 1), "shop-test-v001": ("enabled", 1)}
    assert go_on(balanced, first).status == "SUCCEEDED"
    assert not ClusterClaim.objects.exists()
    assert go_on(balanced, second).status == "SUCCEEDED", second.message
    assert balanced.stage(f"Deploy in {REGION}").context["source"]["serverGroupName"] == "shop-test-v001"
    assert not ClusterClaim.objects.exists()
    enabled = [name for name, (state, _) in balanced.there().items() if state == "enabled"]
    assert enabled == ["shop-test-v002"]


def test_whoever_takes_over_cancels_the_first(balanced: World, two: tuple[Execution, Execution]):
    first, second = two
    assert waits_for_claim(second, "1") == f"{ACCOUNT}:{REGION}:shop-test"
    assert take_over(balanced.actor, second, "1") == first
    assert go_on(balanced, first).status == "CANCELED"
    assert first.cancel_reason == f"{second} takes over."
    assert not ClusterClaim.objects.exists()
    assert go_on(balanced, second).status == "SUCCEEDED"
    assert AuditEntry.objects.get(action="take over").after == {"stage": "1", "from": first.ulid}
    with pytest.raises(Conflict, match="does not wait for another deployment"):
        take_over(balanced.actor, second, "1")


def test_the_page_of_the_second_offers_to_take_over_and_the_clusters_page_tells_of_the_first(
    client: Client, two: tuple[Execution, Execution]
):
    first, second = two
    client.force_login(get_user_model().objects.get(username="ada"))
    page = client.get(f"/executions/{second.ulid}").text
    assert "Take over" in page
    assert "Claimed by" not in page
    url = reverse("pipelines:take_over", args=[second.ulid, "1"])
    assert f'href="{url}"' in page
    assert "is cancelled. What it has deployed stays as it is." in client.get(url).text
    first.refresh_from_db()
    assert first.cancel_requested_at is None
    assert client.post(url).status_code == 302
    first.refresh_from_db()
    assert (first.cancelled_by, first.cancel_reason) == ("ada", f"{second} takes over.")


def test_a_cluster_shows_who_has_it_to_themselves(two: tuple[Execution, Execution], rf: RequestFactory):
    (badge,) = fillers.badges(rf.get("/"), Application.objects.get(name="shop")).values()
    assert badge.url.endswith(f"/{two[0].ulid}")
    ClusterClaim.objects.update(key="main:eu-west-1:shop-quiet")
    quiet = fillers.badges(rf.get("/"), Application.objects.get(name="shop"))["shop-quiet"]
    assert quiet.look.word == f"Claimed by {two[0]}, Deploy in {REGION}, started by ada"


def test_taking_over_needs_the_right_to_act(two: tuple[Execution, Execution]):
    first, second = two
    with pytest.raises(Refused):
        take_over(actor_of(get_user_model().objects.create_user("ben")), second, "1")
    first.refresh_from_db()
    assert first.cancel_requested_at is None


def test_the_first_gives_the_cluster_free_however_it_ends(balanced: World):
    balanced.group("shop-test-v000", size=1)
    execution = balanced.run(deploy(balanced, imageId="img-0"))
    assert execution.status == "TERMINAL"
    assert not ClusterClaim.objects.exists()


def test_other_clusters_are_free(balanced: World, two: tuple[Execution, Execution]):
    third = balanced.run(deploy(balanced, stack="other"))
    assert third.status == "SUCCEEDED"
    assert ClusterClaim.objects.get().execution_id == two[0].ulid
