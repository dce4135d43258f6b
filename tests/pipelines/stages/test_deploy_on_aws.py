"""Deployments on the real engine and the AWS provider, which talks to moto over a socket; last with faults between them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from clusters import inventory
from clusters.core.values import Health, Listener, LoadBalancerRequest
from clusters.models import Account, Application, Freshness, Instance, LoadBalancer, ServerGroup
from clusters.providers import PROVIDERS
from clusters.providers.aws import client
from clusters.trust.permissions import actor_of
from tests.moto_world import REGIONS, ROLE, Moto, aws, moto_server
from tests.pipelines.stages.conftest import ACCOUNT, World

__all__ = ["aws", "moto_server"]

REGION, OTHER = REGIONS
CLUSTER = {
    "account": ACCOUNT, "application": "shop", "stack": "test", "cloudProvider": "aws",
    "availabilityZones": {REGION: [f"{REGION}a", f"{REGION}b"]}, "capacity": {"min": 2, "max": 4, "desired": 2},
    "strategy": "redblack", "instanceType": "t3.small", "targetGroups": ["shop-web"], "healthCheckType": "ELB",
    "terminationPolicies": ["Default"], "cooldown": 10, "iamRole": "shop", "tags": {"team": "shop"},
}  # fmt: skip


@dataclass
class Amazon(World):
    moto: Moto | None = None

    def bake(self, version: str, region: str = REGION, **fields: Any) -> dict[str, Any]:
        self.moto.world.packages.add(("shop", version))
        package = {"package": "shop", "packageVersion": version, "cloudProviderType": "aws", "regions": [region]}
        return {"type": "bake", "name": "Bake", "account": ACCOUNT, "skipRegionDetection": True, **package, **fields}

    def ship(self, version: str, **cluster: Any) -> dict[str, Any]:
        """Bake and deploy; the end."""
        deploy = {"type": "deploy", "name": "Deploy", "requisiteStageRefIds": ["1"], "clusters": [CLUSTER | cluster]}
        return self.run(self.bake(version, **cluster.get("baked", {})), deploy, looks=150)

    def left(self, region: str = REGION, role: str = "") -> Counter[str]:
        """What stands at AWS: groups, templates, images of ours, builders that were not ended."""
        groups = self.moto.client("autoscaling", region, role=role).describe_auto_scaling_groups()["AutoScalingGroups"]
        ec2 = self.moto.client("ec2", region, role=role)
        images = ec2.describe_images(Owners=["self"], Filters=[{"Name": "tag-key", "Values": ["appversion"]}])
        alive = ec2.describe_instances(Filters=[{"Name": "tag-key", "Values": ["spinnaker-bake"]}])["Reservations"]
        builders = [i for r in alive for i in r["Instances"] if i["State"]["Name"] != "terminated"]
        return Counter(
            groups=sum(not group.get("Status") for group in groups),
            templates=len(ec2.describe_launch_templates()["LaunchTemplates"]),
            images=len(images["Images"]),
            builders=len(builders),
        )


@pytest.fixture
def amazon(transactional_db: None, aws: Moto, settings: Any) -> Amazon:
    """The provider as it is registered, its account from a row; a load balancer in front."""
    settings.AWS_ENDPOINT_HOSTS = ["127.0.0.1"]
    Account.objects.create(name=ACCOUNT, provider="aws", regions=list(REGIONS), config=aws.add_account(ACCOUNT))
    Application.objects.create(name="shop")
    actor = actor_of(get_user_model().objects.create_superuser("ada"))
    cloud = PROVIDERS["aws"]
    aws.client("iam").create_instance_profile(InstanceProfileName="shop")
    for region in REGIONS:
        cloud.load_balancers.upsert(ACCOUNT, LoadBalancerRequest(region, "shop-web", Listener(80)))
    return Amazon(cloud, actor, None, moto=aws)  # type: ignore[arg-type]


def test_red_black_bakes_deploys_and_disables_the_older_group(amazon: Amazon) -> None:
    for version in ("1.0", "2.0"):
        execution = amazon.ship(version)
        assert execution.status == "SUCCEEDED", execution.message
    assert amazon.there() == {"shop-test-v000": ("disabled", 2), "shop-test-v001": ("enabled", 2)}
    assert amazon.left() == Counter(groups=2, templates=2, images=2)
    old, new = (amazon.cloud.server_groups.get(ACCOUNT, REGION, f"shop-test-v00{n}") for n in (0, 1))
    assert {instance.zone for instance in new.instances} == {f"{REGION}a", f"{REGION}b"}
    assert old.count(Health.OUT_OF_SERVICE) == new.count(Health.UP) == 2
    assert new.tags["team"] == "shop"


def test_an_equal_bake_is_not_made_twice(amazon: Amazon) -> None:
    for _ in range(2):
        assert amazon.ship("1.0", strategy="highlander").status == "SUCCEEDED"
    assert amazon.left()["images"] == 1
    assert amazon.stage("Bake in eu-west-1").context["previouslyBaked"] is True


def test_a_package_that_cannot_be_installed_fails_the_bake_with_what_the_builder_said(amazon: Amazon) -> None:
    execution = amazon.run(amazon.bake("1.0", packageVersion="9.9"), looks=60)
    assert execution.status == "TERMINAL"
    assert "E: Version '9.9' for 'shop' was not found" in execution.message
    assert amazon.left()["images"] == 0


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        ({"targetGroups": ["none"]}, "loadBalancers: load balancer 'none' does not exist"),
        ({"subnetType": "internal"}, "there is no internal subnet of account main in eu-west-1"),
        ({"subnetIds": ["subnet-0"]}, "subnet subnet-0 does not exist in eu-west-1"),
        ({"base64UserData": "?"}, "base64UserData is not Base64"),
    ],
)
def test_what_aws_refuses_is_told_and_nothing_is_left(amazon: Amazon, cluster: dict[str, Any], message: str) -> None:
    execution = amazon.ship("1.0", **cluster)
    assert execution.status == "TERMINAL"
    assert message in execution.message
    assert amazon.left() == Counter(images=1)


def test_a_second_account_and_region_by_way_of_a_role(amazon: Amazon) -> None:
    config = amazon.moto.add_account("second", role_arn=ROLE, external_id="ours")
    Account.objects.create(name="second", provider="aws", regions=list(REGIONS), config=config)
    amazon.cloud.load_balancers.upsert("second", LoadBalancerRequest(OTHER, "shop-web", Listener(80)))
    second = {"account": "second", "availabilityZones": {OTHER: [f"{OTHER}a"]}, "iamRole": ""}
    execution = amazon.ship("1.0", **second, baked={"account": "second", "regions": [OTHER]})
    assert execution.status == "SUCCEEDED", execution.message
    assert amazon.left(OTHER, ROLE) == Counter(groups=1, templates=1, images=1)
    assert amazon.left(OTHER) == amazon.left() == Counter()


def test_a_patch_goes_from_instance_to_instance_and_one_that_fails_stops_it(amazon: Amazon) -> None:
    amazon.ship("1.0")
    amazon.moto.world.packages.add(("shop", "1.1"))
    first, second = (i.id for i in amazon.cloud.server_groups.get(ACCOUNT, REGION, "shop-test-v000").instances)
    patch = {
        "type": "quickPatch",
        "name": "Patch",
        "credentials": ACCOUNT,
        "region": REGION,
        "clusterName": "shop-test",
    }
    patch |= {"rollingPatch": True, "package": "shop"}
    plan = amazon.rehearse(patch | {"patchVersion": "1.1"})
    told = [(one.what, one.instances) for line in plan.lines for one in line.changes]
    assert told == [("is patched", (first,)), ("is patched", (second,))]
    assert amazon.moto.client("ssm").list_commands()["Commands"] == []
    execution = amazon.run(patch | {"patchVersion": "1.1"}, looks=150)
    assert execution.status == "SUCCEEDED", execution.message
    assert amazon.cloud.server_groups.get(ACCOUNT, REGION, "shop-test-v000").patches == {"shop 1.1": 2}
    assert [stage.ref for stage in amazon.execution.stages.order_by("position")] == ["1", "1>1", "1>2"]

    amazon.begin(patch | {"patchVersion": "9.9"})
    amazon.look_until("bulkQuickPatchStage 1")
    for _ in range(30):  # by then a failure is not an earlier one's
        amazon.let_pass("monitorQuip", seconds=5)
        amazon.look()
    assert amazon.execution.status == "TERMINAL"
    assert "ended Failed: E: Version '9.9' for 'shop' was not found. Patched before: none" in amazon.execution.message
    assert f"this batch: {first}; untouched: {second}." in amazon.execution.message
    assert len(amazon.moto.client("ssm").list_commands()["Commands"]) == 3
    assert "say which version, as in shop_1.2; account main keeps no packages" in amazon.run(patch).message


def test_pages_read_rows_that_one_describe_per_kind_of_thing_makes(amazon: Amazon) -> None:
    for version in ("1.0", "2.0"):
        amazon.ship(version)
    requests = amazon.moto.world.requests
    before = len(requests)
    inventory.refresh(ACCOUNT, REGION)
    asked = Counter(request.action for request in requests[before:])
    assert set(asked.values()) <= {1, 2}, asked
    assert asked["DescribeAutoScalingGroups"] == asked["DescribeInstances"] == 1
    rows = {row.name: row for row in ServerGroup.objects.all()}
    assert {name: (row.up, row.version, row.is_disabled) for name, row in rows.items()} == {
        "shop-test-v000": (0, "1.0", True),
        "shop-test-v001": (2, "2.0", False),
    }
    assert Instance.objects.count() == 4
    assert LoadBalancer.objects.get().name == "shop-web"
    amazon.moto.world.fails(throttled=1.0)
    Account.objects.update(config=Account.objects.get().config | {"profile": "nobody"})
    inventory.refresh(ACCOUNT, REGION)
    assert ["nobody" in freshness.error for freshness in Freshness.objects.filter(region=REGION)] == [True] * 4
    assert Instance.objects.count() == 4


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_under_faults_every_pipeline_ends_right_and_makes_one_of_each(
    amazon: Amazon, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(client, "TIMEOUTS", ((0.5, 0.6), (0.3, 0.4)))
    faults = amazon.moto.world.fails(throttled=0.3, broken_after=0.05, hanging_after=0.03, hang_seconds=0.8)
    faults.dice.seed(seed)
    for version in ("1.0", "2.0"):
        execution = amazon.ship(version, suspendedProcesses=["AZRebalance"])
        assert execution.status == "SUCCEEDED", execution.message
    kinds = Counter(kind for kind, _ in faults.struck)
    assert kinds["throttled"] > 50
    assert min(kinds["broken"], kinds["hanging"]) > 5, kinds
    amazon.moto.world.fails()
    assert amazon.there() == {"shop-test-v000": ("disabled", 2), "shop-test-v001": ("enabled", 2)}
    assert amazon.left() == Counter(groups=2, templates=2, images=2)
    new = amazon.cloud.server_groups.get(ACCOUNT, REGION, "shop-test-v001")
    assert new.suspended_processes == {"AZRebalance"}
