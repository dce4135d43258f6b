"""Scaling policies at AWS with their alarms, which nothing may leave behind, and clones that lack nothing."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from clusters.core.scaling import Alarm, PolicyKind, Scaling, ScalingPolicy, ScheduledAction, copied, has_policy
from clusters.core.values import Capacity, Listener, LoadBalancerRequest, ServerGroupRequest
from clusters.providers.base import TOKEN_TAG, Conflict, InvalidRequest, NameTaken, Throttled, Unavailable
from tests.clouds import ACCOUNT, wait_until
from tests.contracts.test_cloud_provider import ALARM, MORNING, POLICIES
from tests.moto_world import REGIONS, Moto

REGION = REGIONS[0]
NAME, CLONE = "hello-main-v000", "hello-main-v001"


@pytest.fixture
def request_(aws: Moto) -> ServerGroupRequest:
    aws.add_account(ACCOUNT)
    return ServerGroupRequest(REGION, NAME, aws.base_image(REGION), Capacity(0, 0, 3))


def alarms(aws: Moto) -> dict[str, Any]:
    found = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"]: alarm for alarm in found}


def test_a_clone_of_a_group_with_everything_set_differs_in_its_name_alone(
    aws: Moto, request_: ServerGroupRequest
) -> None:
    ec2 = aws.client("ec2")
    ec2.create_key_pair(KeyName="ops")
    for name in ("web", "office"):
        ec2.create_security_group(GroupName=name, Description=name)
    subnets = sorted(subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"])[:2]
    aws.cloud.load_balancers.upsert(ACCOUNT, LoadBalancerRequest(REGION, "hello-lb", Listener(80)))
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}
    aws.client("elb").create_load_balancer(
        LoadBalancerName="old", Listeners=[listener], AvailabilityZones=[f"{REGION}a"]
    )
    source = replace(
        request_,
        capacity=Capacity(0, 0, 3),
        load_balancers=("old", "hello-lb"),
        security_groups=("office", "web"),
        suspended_processes=frozenset({"AZRebalance", "ScheduledActions"}),
        health_check_grace_seconds=42,
        tags={"team": "shop", "stage": "live"},
        extra={
            "instanceType": "m5.large", "keyPair": "ops", "iamRole": "hello", "spotPrice": "0.05", "ebsOptimized": True,
            "base64UserData": base64.b64encode(b"#!/bin/sh\necho hello\n").decode(), "requireIMDSv2": False,
            "associatePublicIpAddress": True, "associateIPv6Address": True, "instanceMonitoring": True,
            "unlimitedCpuCredits": True, "enableEnclave": True, "kernelId": "aki-1", "ramdiskId": "ari-1",
            "blockDevices": [
                {"deviceName": "/dev/xvda", "size": 20, "volumeType": "gp3", "deleteOnTermination": True, "iops": 3000},
                {"deviceName": "/dev/xvdb", "virtualName": "ephemeral0"},
            ],
            "blockDeviceTags": {"team": "shop"}, "subnetIds": subnets, "healthCheckType": "ELB", "cooldown": 30,
            "terminationPolicies": ["OldestInstance", "Default"], "capacityRebalance": True, "placement": "near",
            "enabledMetrics": ["GroupMaxSize", "GroupMinSize"],
            "lifecycleHooks": [
                {
                    "name": "drain", "lifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING", "heartbeatTimeout": 60,
                    "defaultResult": "CONTINUE", "roleARN": "arn:aws:iam::123456789012:role/hooks",
                    "notificationTargetARN": "arn:aws:sns:eu-west-1:123456789012:hooks",
                }
            ],
        },
        scaling=Scaling(POLICIES, (MORNING,)),
    )  # fmt: skip
    aws.cloud.server_groups.create(ACCOUNT, source, "one")
    blueprint = aws.cloud.server_groups.blueprint(ACCOUNT, REGION, NAME)
    assert replace(blueprint, scaling=source.scaling) == source

    now = datetime.now(UTC)
    scaling = copied(blueprint.scaling, NAME, CLONE, now)
    aws.cloud.server_groups.create(ACCOUNT, replace(blueprint, name=CLONE, scaling=scaling), "two")
    copy = aws.cloud.server_groups.blueprint(ACCOUNT, REGION, CLONE)
    assert copy == replace(blueprint, name=CLONE, scaling=scaling)
    assert facts(aws, NAME) == facts(aws, CLONE)
    assert launched_with(aws, NAME) == launched_with(aws, CLONE)
    assert {action.name for action in copy.scaling.actions} == {f"{CLONE}-morning"}
    own = alarms(aws)[f"{CLONE}-busy"]
    assert own["Dimensions"] == [{"Name": "AutoScalingGroupName", "Value": CLONE}]
    assert [f"autoScalingGroupName/{CLONE}:" in action for action in own["AlarmActions"]] == [True]
    assert sum(name.startswith(f"TargetTracking-{CLONE}") for name in alarms(aws)) == 2


def facts(aws: Moto, name: str) -> dict[str, Any]:
    """All that AWS says of a group, but what is the group's own."""
    [group] = aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    own = {"AutoScalingGroupName", "AutoScalingGroupARN", "CreatedTime", "Instances", "LaunchTemplate"}
    told = {key: value for key, value in group.items() if key not in own}
    tags = {tag["Key"]: tag["Value"] for tag in group["Tags"]}
    return told | {"Tags": {key: value for key, value in tags.items() if not key.startswith("spinnaker-")}}


def launched_with(aws: Moto, name: str) -> Any:
    [group] = aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    which = {"LaunchTemplateId": group["LaunchTemplate"]["LaunchTemplateId"], "Versions": ["$Default"]}
    [version] = aws.client("ec2").describe_launch_template_versions(**which)["LaunchTemplateVersions"]
    data = version["LaunchTemplateData"]  # to which moto adds the template's own tags
    return data | {"TagSpecifications": [one for one in data["TagSpecifications"] if one["ResourceType"] == "volume"]}


@pytest.mark.parametrize("action", ["PutScalingPolicy", "PutMetricAlarm", "BatchPutScheduledUpdateGroupAction"])
@pytest.mark.parametrize("kind", ["throttled", "broken_after"])
def test_a_group_whose_scaling_was_cut_short_gets_the_rest(
    aws: Moto, request_: ServerGroupRequest, action: str, kind: str
) -> None:
    request = replace(request_, capacity=Capacity(1, 1, 1), scaling=Scaling(POLICIES, (MORNING,)))
    aws.world.fails(**{kind: 1.0}, only=(action,))
    with pytest.raises((Throttled, Unavailable)):
        aws.cloud.server_groups.create(ACCOUNT, request, "one")
    aws.world.fails()
    [group] = aws.cloud.server_groups.list(ACCOUNT, REGION)
    assert (group.capacity, group.tags.get(TOKEN_TAG)) == (Capacity(0, 0, 0), None)
    made = aws.cloud.server_groups.create(ACCOUNT, request, "one")
    assert all(has_policy(made.scaling, policy) for policy in POLICIES)
    assert (made.scaling.actions, made.capacity) == ((MORNING,), Capacity(1, 1, 1))
    assert len(alarms(aws)) == 3


def test_an_alarm_of_two_policies_stays_until_the_last_goes_and_one_that_does_more_stays(
    aws: Moto, request_: ServerGroupRequest
) -> None:
    groups, place = aws.cloud.server_groups, (ACCOUNT, REGION, NAME)
    topic = "arn:aws:sns:eu-west-1:123456789012:ops"
    noisy = Alarm(f"{NAME}-noisy", ALARM.settings | {"alarmActions": [topic]})
    groups.create(ACCOUNT, request_, "one")
    groups.put_policy(*place, replace(POLICIES[0], alarms=(ALARM, noisy)))
    groups.put_policy(*place, POLICIES[1])
    simple, steps = groups.get(*place).scaling.policies
    assert has_policy(Scaling((simple,)), replace(POLICIES[0], alarms=(ALARM, noisy)))
    assert [alarm.name for alarm in steps.alarms] == [ALARM.name]
    assert len(alarms(aws)[ALARM.name]["AlarmActions"]) == 2
    groups.delete_policy(*place, "simple")
    assert set(alarms(aws)) == {ALARM.name, noisy.name}
    groups.destroy(*place)
    assert set(alarms(aws)) == {noisy.name}


def test_an_alarm_of_somebody_else_is_not_overwritten(aws: Moto, request_: ServerGroupRequest) -> None:
    theirs = {"Namespace": "shop", "MetricName": "orders", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName=ALARM.name, Threshold=1.0, ComparisonOperator="LessThanThreshold", **theirs
    )
    aws.cloud.server_groups.create(ACCOUNT, request_, "one")
    with pytest.raises(NameTaken, match="is for something else") as error:
        aws.cloud.server_groups.put_policy(ACCOUNT, REGION, NAME, POLICIES[1])
    assert error.value.field == "alarm.name"
    assert alarms(aws)[ALARM.name]["MetricName"] == "orders"


def test_a_role_that_may_not_read_policies_still_sees_and_destroys_its_groups(
    aws: Moto, request_: ServerGroupRequest
) -> None:
    aws.cloud.server_groups.create(ACCOUNT, replace(request_, scaling=Scaling(POLICIES)), "one")
    aws.world.denied = {"DescribeAlarms"}
    [group] = aws.cloud.server_groups.list(ACCOUNT, REGION)
    assert "not authorized to perform: monitoring:DescribeAlarms" in group.scaling.unread
    assert not group.scaling
    aws.cloud.server_groups.destroy(ACCOUNT, REGION, NAME)
    wait_until(lambda: not aws.cloud.server_groups.list(ACCOUNT, REGION))


def test_what_aws_refuses_of_a_schedule_is_told_with_its_name(aws: Moto, request_: ServerGroupRequest) -> None:
    aws.cloud.server_groups.create(ACCOUNT, request_, "one")
    past = ScheduledAction("late", desired=1, starts_at=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(InvalidRequest, match="scheduled action late: Given start time is in the past") as error:
        aws.cloud.server_groups.set_schedule(ACCOUNT, REGION, NAME, (MORNING, past))
    assert error.value.field == "scheduledActions"
    aws.cloud.server_groups.destroy(ACCOUNT, REGION, NAME)
    with pytest.raises(Conflict):
        aws.cloud.server_groups.set_schedule(ACCOUNT, REGION, NAME, (MORNING,))


def test_policies_that_aws_makes_alarms_for_are_told_apart(aws: Moto, request_: ServerGroupRequest) -> None:
    aws.cloud.server_groups.create(ACCOUNT, request_, "one")
    own = ScalingPolicy(
        "queue",
        PolicyKind.TARGET,
        {
            "targetTrackingConfiguration": {
                "targetValue": 10.0,
                "customizedMetricSpecification": {
                    "metricName": "Waiting", "namespace": "shop", "statistic": "Average",
                    "dimensions": [{"name": "AutoScalingGroupName", "value": NAME}],
                },
            }
        },
    )  # fmt: skip
    aws.cloud.server_groups.put_policy(ACCOUNT, REGION, NAME, own)
    scaling = aws.cloud.server_groups.get(ACCOUNT, REGION, NAME).scaling
    assert has_policy(scaling, own)
    assert scaling.policies[0].alarms == ()
    assert len(alarms(aws)) == 2
    aws.cloud.server_groups.delete_policy(ACCOUNT, REGION, NAME, "queue")
    assert alarms(aws) == {}
