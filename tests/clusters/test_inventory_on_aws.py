"""The inventory of an AWS account, which is told of by moto over a socket."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from clusters import inventory
from clusters.core.values import Capacity, Listener, LoadBalancerRequest, ServerGroupRequest
from clusters.models import Account, Freshness, Kind, LoadBalancer, ServerGroup
from clusters.providers import PROVIDERS
from tests.moto_world import REGIONS, Moto, aws, moto_server

__all__ = ["aws", "moto_server"]

pytestmark = pytest.mark.django_db
ACCOUNT, REGION = "amazon", REGIONS[0]


@pytest.fixture
def amazon(aws: Moto, monkeypatch: pytest.MonkeyPatch) -> Moto:
    """Three server groups of two instances each, behind one load balancer, all up and read."""
    monkeypatch.setitem(PROVIDERS, "aws", aws.cloud)
    config = aws.add_account(ACCOUNT)
    Account.objects.create(name=ACCOUNT, provider="aws", regions=[REGION], config=config)
    aws.cloud.load_balancers.upsert(ACCOUNT, LoadBalancerRequest(REGION, "shop-web", Listener(80)))
    image = aws.base_image(REGION)
    for n in range(3):
        request = ServerGroupRequest(REGION, f"shop-web-v{n:03d}", image, Capacity(0, 2, 4), ("shop-web",))
        aws.cloud.server_groups.create(ACCOUNT, request, str(n))
    for _ in range(6):
        inventory.refresh(ACCOUNT, REGION)
    assert set(ServerGroup.objects.values_list("up", flat=True)) == {2}
    return aws


def asked(aws: Moto, since: int) -> Counter[str]:
    return Counter(request.action for request in aws.world.requests[since:])


def test_a_look_asks_for_one_list_and_for_what_differs(amazon: Moto) -> None:
    began = len(amazon.world.requests)
    assert inventory.look(ACCOUNT, REGION) == frozenset()
    assert asked(amazon, began) == Counter(DescribeAutoScalingGroups=1)
    amazon.client("autoscaling").suspend_processes(
        AutoScalingGroupName="shop-web-v001", ScalingProcesses=["AZRebalance"]
    )
    before = dict(ServerGroup.objects.values_list("name", "changed_at"))
    began = len(amazon.world.requests)
    assert inventory.look(ACCOUNT, REGION) == {"shop"}
    changed = ServerGroup.objects.get(name="shop-web-v001")
    assert changed.suspended_processes == ["AZRebalance"]
    after = dict(ServerGroup.objects.values_list("name", "changed_at"))
    assert [name for name in after if after[name] != before[name]] == ["shop-web-v001"]
    described = [one.arguments for one in amazon.world.requests[began:] if one.action == "DescribeInstances"]
    assert len(described) == 1
    assert sum(".Value." in key for key in described[0]) == 2, "the two instances of that group"


def test_a_kind_that_is_denied_shows_why_and_hides_nothing(amazon: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = amazon.world._refusal

    def denied(request: Any) -> tuple[str, str] | None:
        if request.action == "DescribeTargetGroups":
            return "AccessDenied", "is not authorized to perform: elasticloadbalancing:DescribeTargetGroups"
        return refusal(request)

    monkeypatch.setattr(amazon.world, "_refusal", denied)
    amazon.cloud.server_groups.resize(ACCOUNT, REGION, "shop-web-v002", Capacity(0, 1, 4))
    inventory.refresh(ACCOUNT, REGION)
    assert LoadBalancer.objects.get().name == "shop-web"
    assert ServerGroup.objects.get(name="shop-web-v002").desired_size == 1
    (failing,) = Freshness.objects.exclude(error="")
    assert failing.kind == Kind.LOAD_BALANCERS
    assert "elasticloadbalancing:DescribeTargetGroups (AccessDenied)" in failing.error
