"""What the contract does not say of server groups at AWS: one of each whatever happens, and what they are launched with."""

from __future__ import annotations

import base64
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from clusters.core.values import Capacity, Health, Process, ServerGroupRequest
from clusters.providers.aws import client
from clusters.providers.base import (
    CALL_SECONDS,
    TOKEN_TAG,
    InvalidRequest,
    NameTaken,
    ProviderError,
    Throttled,
    Unavailable,
)
from tests.clouds import ACCOUNT, wait_until
from tests.moto_world import REGIONS, Moto

REGION = REGIONS[0]


@pytest.fixture
def request_(aws: Moto) -> ServerGroupRequest:
    aws.add_account(ACCOUNT)
    return ServerGroupRequest(REGION, "hello-main-v000", aws.base_image(REGION), Capacity(1, 1, 3))


def create(aws: Moto, request: ServerGroupRequest, token: str = "one") -> Any:
    return aws.cloud.server_groups.create(ACCOUNT, request, token)


def standing(aws: Moto) -> Counter[str]:
    groups = aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return Counter(groups=len(groups), templates=len(aws.client("ec2").describe_launch_templates()["LaunchTemplates"]))


def launched_with(aws: Moto) -> dict[str, Any]:
    versions = aws.client("ec2").describe_launch_template_versions(Versions=["$Default"])["LaunchTemplateVersions"]
    [version] = versions
    return version["LaunchTemplateData"]


MUTATIONS = (
    "CreateLaunchTemplate",
    "CreateAutoScalingGroup",
    "SuspendProcesses",
    "UpdateAutoScalingGroup",
    "CreateOrUpdateTags",
)


@pytest.mark.parametrize("action", MUTATIONS)
@pytest.mark.parametrize("kind", ["throttled", "broken_after"])
def test_an_attempt_that_was_cut_short_is_gone_on_with(
    aws: Moto, request_: ServerGroupRequest, action: str, kind: str
) -> None:
    request = replace(request_, suspended_processes=frozenset({Process.ADD_TO_LOAD_BALANCER.value}))
    aws.world.fails(**{kind: 1.0}, only=(action,))
    with pytest.raises((Throttled, Unavailable)):
        create(aws, request)
    aws.world.fails()
    if (action, kind) != ("CreateOrUpdateTags", "broken_after"):
        assert all(group.tags.get(TOKEN_TAG) is None for group in aws.cloud.server_groups.list(ACCOUNT, REGION))
    group = create(aws, request)
    assert standing(aws) == Counter(groups=1, templates=1)
    assert (group.capacity, group.suspended_processes) == (request.capacity, request.suspended_processes)
    assert group.tags == {TOKEN_TAG: "one"}
    with pytest.raises(NameTaken):
        create(aws, request, "two")
    assert standing(aws) == Counter(groups=1, templates=1)


def test_a_group_that_aws_refuses_leaves_no_template(aws: Moto, request_: ServerGroupRequest) -> None:
    with pytest.raises(ProviderError) as error:
        create(aws, replace(request_, extra={"availabilityZones": {REGION: ["eu-west-1z"]}}))
    assert error.value.field == "availabilityZones"
    with pytest.raises(InvalidRequest) as error:
        create(aws, replace(request_, extra={"spotInstancePools": 2}))
    assert error.value.field == "spotInstancePools"
    assert standing(aws) == Counter()


def test_a_destroy_that_was_cut_short_finds_the_template_without_its_group(
    aws: Moto, request_: ServerGroupRequest
) -> None:
    create(aws, request_)
    aws.world.fails(throttled=1.0, only=("DeleteLaunchTemplate",))
    with pytest.raises(Throttled):
        aws.cloud.server_groups.destroy(ACCOUNT, REGION, request_.name)
    aws.world.fails()
    wait_until(lambda: not aws.cloud.server_groups.list(ACCOUNT, REGION))
    assert standing(aws) == Counter(templates=1)
    aws.cloud.server_groups.destroy(ACCOUNT, REGION, request_.name)
    assert standing(aws) == Counter()


def test_a_call_ends_in_time_and_reads_wait_for_throttles_to_end(aws: Moto, request_: ServerGroupRequest) -> None:
    create(aws, request_)
    faults = aws.world.fails(throttled=0.4, only=("DescribeAutoScalingGroups", "DescribeInstances"))
    while not faults.struck:
        assert aws.cloud.server_groups.get(ACCOUNT, REGION, request_.name).name == request_.name
    aws.world.fails(hanging_after=1.0, hang_seconds=CALL_SECONDS)
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="AWS"):
        aws.cloud.server_groups.resize(ACCOUNT, REGION, request_.name, Capacity(2, 2, 3))
    assert time.monotonic() - begun < CALL_SECONDS + 0.5
    aws.world.fails(throttled=1.0, only=("UpdateAutoScalingGroup",))
    seen = aws.world.count("UpdateAutoScalingGroup")
    with pytest.raises(Throttled):
        aws.cloud.server_groups.resize(ACCOUNT, REGION, request_.name, Capacity(2, 2, 3))
    assert aws.world.count("UpdateAutoScalingGroup") == seen + 1


def test_what_a_pipeline_says_of_the_launch_reaches_the_template(aws: Moto, request_: ServerGroupRequest) -> None:
    script = base64.b64encode(b"#!/bin/sh\necho hello\n").decode()
    extra = {
        "instanceType": "m5.large", "keyPair": "ops", "iamRole": "hello", "base64UserData": script, "spotPrice": "0.05",
        "ebsOptimized": True, "associatePublicIpAddress": True, "instanceMonitoring": True,
        "blockDevices": [{"deviceName": "/dev/xvda", "size": 20, "volumeType": "gp3", "deleteOnTermination": True}],
        "healthCheckType": "ELB", "cooldown": 30, "terminationPolicies": ["OldestInstance"], "enabledMetrics": ["GroupMinSize"],
    }  # fmt: skip
    aws.client("ec2").create_key_pair(KeyName="ops")
    group = create(aws, replace(request_, extra=extra, health_check_grace_seconds=42))
    data = launched_with(aws)
    assert (data["InstanceType"], data["KeyName"], data["EbsOptimized"]) == ("m5.large", "ops", True)
    assert data["IamInstanceProfile"] == {"Name": "hello"}
    assert data["InstanceMarketOptions"] == {"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.05"}}
    assert data["NetworkInterfaces"][0]["AssociatePublicIpAddress"] is True
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    [raw] = aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert (raw["HealthCheckType"], raw["HealthCheckGracePeriod"], raw["DefaultCooldown"]) == ("ELB", 42, 30)
    assert raw["TerminationPolicies"] == ["OldestInstance"]
    assert [metric["Metric"] for metric in raw["EnabledMetrics"]] == ["GroupMinSize"]
    blueprint = aws.cloud.server_groups.blueprint(ACCOUNT, REGION, group.name)
    assert {name: blueprint.extra[name] for name in ("keyPair", "iamRole", "spotPrice", "cooldown", "base64UserData")} == {
        "keyPair": "ops", "iamRole": "hello", "spotPrice": "0.05", "cooldown": 30, "base64UserData": script,
    }  # fmt: skip
    assert blueprint.extra["blockDevices"] == extra["blockDevices"]
    clone = replace(blueprint, name="hello-main-v001", capacity=Capacity(0, 0, 1))
    assert create(aws, clone, "two").image_id == request_.image_id


def test_the_subnets_of_a_purpose_are_those_whose_tag_says_so(aws: Moto, request_: ServerGroupRequest) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    made = {}
    for number, (purpose, target) in enumerate([("internal", "ec2"), ("internal", "elb"), ("external", "ec2")]):
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{number}.0/24", AvailabilityZone=f"{REGION}a")["Subnet"]
        tag = f'{{"purpose": "{purpose}", "target": "{target}"}}'
        ec2.create_tags(Resources=[subnet["SubnetId"]], Tags=[{"Key": "immutable_metadata", "Value": tag}])
        made[purpose, target] = subnet["SubnetId"]
    firewall = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    zones = {"availabilityZones": {REGION: [f"{REGION}a"]}}
    group = create(aws, replace(request_, security_groups=("web",), extra=zones | {"subnetType": "internal"}))
    [raw] = aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert raw["VPCZoneIdentifier"] == made["internal", "ec2"]
    assert launched_with(aws)["SecurityGroupIds"] == [firewall]
    assert group.security_groups == ("web",)


def test_a_classic_load_balancer_counts_too(aws: Moto, request_: ServerGroupRequest) -> None:
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}
    aws.client("elb").create_load_balancer(
        LoadBalancerName="old", Listeners=[listener], AvailabilityZones=[f"{REGION}a"]
    )
    create(aws, replace(request_, load_balancers=("old",)))
    get = lambda: aws.cloud.server_groups.get(ACCOUNT, REGION, request_.name)  # noqa: E731
    wait_until(lambda: get().count(Health.UP) == 1)
    [balancer] = aws.cloud.load_balancers.list(ACCOUNT, REGION)
    assert (balancer.name, balancer.listener.port, len(balancer.members)) == ("old", 80, 1)
    aws.cloud.server_groups.disable(ACCOUNT, REGION, request_.name)
    assert wait_until(lambda: get().count(Health.OUT_OF_SERVICE) == 1)
    aws.cloud.server_groups.enable(ACCOUNT, REGION, request_.name)
    assert wait_until(lambda: get().count(Health.UP) == 1)


def test_lists_are_read_to_their_end(aws: Moto, request_: ServerGroupRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PAGE_SIZES", client._PAGE_SIZES | {"autoscaling": 2})
    for number in range(5):
        create(aws, replace(request_, name=f"hello-main-v00{number}", capacity=Capacity(0, 0, 0)), str(number))
    groups = aws.cloud.server_groups.list(ACCOUNT, REGION)
    assert len(groups) == 5
    assert {group.image_id for group in groups} == {request_.image_id}
