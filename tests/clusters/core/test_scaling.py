"""What changes a server group's size by itself: copying it, comparing it, and saying it to people."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clusters.core.scaling import (
    Alarm,
    PolicyKind,
    Scaling,
    ScalingPolicy,
    ScheduledAction,
    copied,
    cron_problem,
    has_action,
    has_policy,
)
from clusters.core.scaling_words import action_words, policy_words

OLD, NEW = "shop-main-v001", "shop-main-v002"
NOW = datetime(2026, 11, 25, tzinfo=UTC)
PAST, FUTURE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
BUSY = Alarm(
    f"{OLD}-busy",
    {
        "metricName": "CPUUtilization", "statistic": "Average", "comparisonOperator": "GreaterThanThreshold",
        "threshold": 70.0, "period": 60, "evaluationPeriods": 2,
        "dimensions": [{"name": "AutoScalingGroupName", "value": OLD}, {"name": "Stage", "value": "live"}],
    },
)  # fmt: skip
ADD = ScalingPolicy("add", PolicyKind.SIMPLE, {"adjustmentType": "ChangeInCapacity", "scalingAdjustment": 2}, (BUSY,))


def test_a_copy_is_about_the_copy_and_keeps_the_rest():
    scaling = Scaling((ADD, ScalingPolicy(f"{OLD}-steps", PolicyKind.STEP, {})))
    twice = copied(copied(scaling, OLD, NEW, NOW), NEW, "shop-main-v003", NOW)
    assert [policy.name for policy in twice.policies] == ["shop-main-v003-add", "shop-main-v003-steps"]
    [alarm] = twice.policies[0].alarms
    assert alarm.name == "shop-main-v003-busy"
    assert alarm.settings["dimensions"] == [
        {"name": "AutoScalingGroupName", "value": "shop-main-v003"},
        {"name": "Stage", "value": "live"},
    ]
    assert twice.policies[0].settings == ADD.settings


def test_what_is_past_is_not_copied():
    actions = (
        ScheduledAction("done", desired=1, starts_at=PAST),
        ScheduledAction("over", "0 9 * * *", desired=1, ends_at=PAST),
        ScheduledAction("begun", "0 9 * * *", desired=1, starts_at=PAST, ends_at=FUTURE),
        ScheduledAction("to come", desired=1, starts_at=FUTURE),
    )
    copy = copied(Scaling(actions=actions), OLD, NEW, NOW)
    assert [(one.name, one.starts_at) for one in copy.actions] == [
        (f"{NEW}-begun", None),
        (f"{NEW}-to come", FUTURE),
    ]


def test_what_the_cloud_adds_makes_no_difference_and_what_it_changes_does():
    there = Scaling(
        (ScalingPolicy("add", PolicyKind.SIMPLE, ADD.settings | {"cooldown": 300, "enabled": True}, (BUSY,)),)
    )
    assert has_policy(there, ADD)
    louder = Alarm(BUSY.name, BUSY.settings | {"threshold": 80})
    assert not has_policy(there, ScalingPolicy("add", PolicyKind.SIMPLE, ADD.settings, (louder,)))
    assert not has_policy(there, ScalingPolicy("add", PolicyKind.STEP, ADD.settings))
    assert not has_policy(there, ScalingPolicy("other", PolicyKind.SIMPLE, {}))
    nine = ScheduledAction("nine", "0 9 * * *", desired=1)
    assert has_action(Scaling(actions=(ScheduledAction("nine", "0 9 * * *", desired=1, starts_at=FUTURE),)), nine)
    assert not has_action(Scaling(actions=(ScheduledAction("nine", "0 9 * * *", desired=2),)), nine)


def test_as_json_it_is_kept_whole_and_nothing_is_nothing():
    scaling = Scaling((ADD,), (ScheduledAction("once", desired=1, starts_at=FUTURE),))
    assert Scaling.from_json(scaling.as_json()) == scaling
    assert Scaling().as_json() == {}


@pytest.mark.parametrize("good", ["0 9 * * MON-FRI", "*/15 0-6,22 1 1,JUN 0", "30 23 31 12 7"])
def test_a_cron_expression_of_five_fields_is_read(good: str):
    assert cron_problem(good) == ""


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("0 9 * *", "is not five fields"),
        ("60 9 * * *", "'60' in"),
        ("0 9 ? * *", "'?' in"),
        ("0 9 * * FRI-MON", "'FRI-MON' in"),
        ("*/0 9 * * *", "'*/0' in"),
        ("0 JAN * * *", "'JAN' in"),
    ],
)
def test_one_that_cannot_be_read_is_told(bad: str, why: str):
    assert why in cron_problem(bad)


def test_policies_are_said_in_words():
    assert policy_words(ADD) == ["adds 2 instances", "when Average CPUUtilization > 70 for 2 x 60 s"]
    steps = {
        "adjustmentType": "PercentChangeInCapacity", "minAdjustmentMagnitude": 2, "estimatedInstanceWarmup": 30,
        "stepAdjustments": [
            {"metricIntervalLowerBound": 0.0, "metricIntervalUpperBound": 20.0, "scalingAdjustment": 10},
            {"metricIntervalUpperBound": -5.0, "scalingAdjustment": -10},
        ],
    }  # fmt: skip
    assert policy_words(ScalingPolicy("steps", PolicyKind.STEP, steps)) == [
        "adds 10 % of its instances, at least 2, from threshold + 0 to threshold + 20",
        "removes 10 % of its instances, at least 2, to threshold - 5",
        "counts new instances after 30 s",
    ]
    target = {
        "targetTrackingConfiguration": {
            "targetValue": 50.0, "disableScaleIn": True,
            "predefinedMetricSpecification": {"predefinedMetricType": "ASGAverageCPUUtilization"},
        }
    }  # fmt: skip
    words = ["keeps ASGAverageCPUUtilization at 50", "only ever adds instances"]
    assert policy_words(ScalingPolicy("target", PolicyKind.TARGET, target)) == words
    exact = {"adjustmentType": "ExactCapacity", "scalingAdjustment": 4, "cooldown": 0, "enabled": False}
    assert policy_words(ScalingPolicy("exact", PolicyKind.SIMPLE, exact)) == [
        "is switched off", "sets 4 instances", "then waits 0 s",
    ]  # fmt: skip


def test_scheduled_actions_are_said_in_words():
    action = ScheduledAction("nine", "0 9 * * 1-5", min=1, max=5, desired=2, ends_at=FUTURE, time_zone="Europe/Berlin")
    assert action_words(action) == "at 0 9 * * 1-5 (Europe/Berlin) until 2027-01-01 00:00 UTC: desired 2, min 1, max 5"
    assert action_words(ScheduledAction("once", desired=0, starts_at=FUTURE)) == "from 2027-01-01 00:00 UTC: desired 0"
