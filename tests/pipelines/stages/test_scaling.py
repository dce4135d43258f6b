"""What changes a server group's size by itself: changed by stages and copied by deployments, on the real engine."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.core.scaling import Scaling, has_policy
from clusters.models import AuditEntry, ServerGroup
from clusters.providers.base import Unavailable
from tests.pipelines.stages.conftest import ACCOUNT, REGION, World
from tests.pipelines.stages.test_deploy_on_aws import CLUSTER, Amazon, amazon, aws, moto_server

__all__ = ["amazon", "aws", "moto_server"]

NAME = "shop-test-v000"
ABOUT = {"credentials": ACCOUNT, "regions": [REGION], "cluster": "shop-test", "target": "current_asg_dynamic"}
ALARM = {
    "metricName": "CPUUtilization", "namespace": "AWS/EC2", "threshold": 70, "period": 60, "evaluationPeriods": 2,
    "comparisonOperator": "GreaterThanThreshold", "alarmActionArns": [], "okActionArns": [],
}  # fmt: skip
STEP = {"stepAdjustments": [{"metricIntervalLowerBound": 0, "scalingAdjustment": 10}], "estimatedInstanceWarmup": 30}
BUSY = ABOUT | {
    "type": "upsertScalingPolicy", "name": "Busy", "policyName": "busy", "adjustmentType": "PercentChangeInCapacity",
    "minAdjustmentMagnitude": 2, "step": STEP, "alarm": ALARM,
}  # fmt: skip
TARGET = ABOUT | {
    "type": "upsertScalingPolicy", "name": "Target", "estimatedInstanceWarmup": 60, "requisiteStageRefIds": ["1"],
    "targetTrackingConfiguration": {
        "targetValue": 50, "predefinedMetricSpecification": {"predefinedMetricType": "ASGAverageCPUUtilization"},
    },
}  # fmt: skip
NIGHT = {"recurrence": "0 22 * * *", "minSize": 0, "maxSize": 1, "desiredCapacity": 0}
TIMES = {
    "type": "upsertAsgScheduledActions", "name": "Times", "credentials": ACCOUNT, "requisiteStageRefIds": ["2"],
    "asgs": [{"asgName": NAME, "region": REGION}], "scheduledActions": [NIGHT],
}  # fmt: skip


def scaling(world: World, name: str) -> Scaling:
    return world.cloud.server_groups.get(ACCOUNT, REGION, name).scaling


@pytest.mark.long
def test_policies_and_schedules_are_made_at_aws_and_taken_over_by_the_next_deployment(amazon: Amazon) -> None:
    assert amazon.ship("1.0").status == "SUCCEEDED", amazon.execution.message
    assert amazon.run(BUSY, TARGET, TIMES, looks=60).status == "SUCCEEDED", amazon.execution.message
    busy, target = scaling(amazon, NAME).policies
    assert (busy.name, busy.kind, busy.alarms[0].name) == ("busy", "StepScaling", f"{NAME}-busy-alarm")
    assert busy.alarms[0].settings["dimensions"] == [{"name": "AutoScalingGroupName", "value": NAME}]
    assert (target.kind, target.alarms) == ("TargetTrackingScaling", ())
    [night] = scaling(amazon, NAME).actions
    assert (night.recurrence, night.min, night.max, night.desired) == ("0 22 * * *", 0, 1, 0)
    again = TIMES | {"scheduledActions": [NIGHT | {"maxSize": 2}], "requisiteStageRefIds": []}
    assert amazon.run(BUSY | {"alarm": ALARM | {"threshold": 90}}, again).status == "SUCCEEDED"
    assert [action.name for action in scaling(amazon, NAME).actions] == [night.name]
    assert [alarm.settings["threshold"] for alarm in scaling(amazon, NAME).policies[0].alarms] == [90]
    kept = Scaling.from_json(ServerGroup.objects.get(name=NAME).scaling)
    assert kept == scaling(amazon, NAME)
    assert AuditEntry.objects.filter(action="server_group.upsert_scaling_policy").count() == 3

    assert amazon.ship("2.0").status == "SUCCEEDED", amazon.execution.message
    copy = scaling(amazon, "shop-test-v001")
    assert [policy.name for policy in copy.policies] == ["shop-test-v001-busy", target.name.replace("v000", "v001")]
    assert copy.policies[0].alarms[0].settings["dimensions"][0]["value"] == "shop-test-v001"
    assert has_policy(Scaling((busy,)), busy)
    assert [action.max for action in copy.actions] == [2]

    cluster = CLUSTER | {"copySourceScalingPoliciesAndActions": False, "strategy": ""}
    deploy = {"type": "deploy", "name": "Deploy", "requisiteStageRefIds": ["1"], "clusters": [cluster]}
    assert amazon.run(amazon.bake("2.0"), deploy, looks=150).status == "SUCCEEDED", amazon.execution.message
    assert scaling(amazon, "shop-test-v002") == Scaling()

    gone = ABOUT | {"type": "deleteScalingPolicy", "name": "Gone", "policyName": "busy", "serverGroupName": NAME}
    assert amazon.run(gone).status == "SUCCEEDED", amazon.execution.message
    assert [policy.name for policy in scaling(amazon, NAME).policies] == [target.name]


def test_a_clone_has_the_policies_of_its_source_unless_told_otherwise(balanced: World) -> None:
    balanced.group(NAME)
    clone = {"type": "cloneServerGroup", "name": "Clone", "credentials": ACCOUNT, "region": REGION, "stack": "test"}
    clone["requisiteStageRefIds"] = ["1"]
    assert balanced.run(BUSY, clone).status == "SUCCEEDED", balanced.execution.message
    [policy] = scaling(balanced, "shop-test-v001").policies
    assert (policy.name, policy.alarms[0].name) == ("shop-test-v001-busy", "shop-test-v001-busy-alarm")
    without = clone | {"copySourceScalingPoliciesAndActions": False, "requisiteStageRefIds": []}
    assert balanced.run(without).status == "SUCCEEDED", balanced.execution.message
    assert scaling(balanced, "shop-test-v002") == Scaling()


def test_a_change_whose_answer_was_lost_is_found_and_not_made_twice(balanced: World) -> None:
    balanced.group(NAME)
    for method, stage in (("put_policy", BUSY | {"policyName": ""}), ("set_schedule", TIMES)):
        balanced.cloud.fail(f"server_groups.{method}", Unavailable("no answer"), after_doing=True)
        assert balanced.run(stage | {"requisiteStageRefIds": []}).status == "SUCCEEDED", balanced.execution.message
    there = scaling(balanced, NAME)
    assert (len(there.policies), len(there.actions)) == (1, 1)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (BUSY | {"simple": {"scalingAdjustment": 1}}, "targetTrackingConfiguration: give one of simple, step and"),
        (BUSY | {"adjustmentType": "ExactCapacity"}, "minAdjustmentMagnitude: needs adjustmentType PercentChange"),
        (BUSY | {"alarm": ALARM | {"comparisonOperator": ">"}}, "alarm.comparisonOperator: Input should be"),
        (BUSY | {"step": {"stepAdjustments": [{}]}}, "step.stepAdjustments[0].scalingAdjustment: Field required"),
        (BUSY | {"cloudProvider": "local"}, "cloudProvider: This host has no scaling policies and scheduled actions"),
        (TIMES | {"scheduledActions": [NIGHT | {"recurrence": "22"}]}, "scheduledActions[0].recurrence: '22' is not"),
        (TIMES | {"scheduledActions": [NIGHT | {"minSize": 5}]}, "scheduledActions[0].desiredCapacity: minSize <="),
        (TIMES | {"scheduledActions": [{"minSize": 5}]}, "scheduledActions[0].startTime: say when"),
        (TIMES | {"asgs": [{"asgName": "shop-test-v009", "region": REGION}]}, "shop-test-v009 does not exist in"),
    ],
)
def test_what_cannot_be_is_told_by_its_path(balanced: World, stage: dict[str, Any], message: str) -> None:
    balanced.group(NAME)
    execution = balanced.run(stage | {"requisiteStageRefIds": []})
    assert execution.status == "TERMINAL"
    assert message in execution.message
    assert scaling(balanced, NAME) == Scaling()
