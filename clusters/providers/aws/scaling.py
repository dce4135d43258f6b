"""Scaling policies with their alarms, and scheduled actions. Alarms of ours go with the last policy they set off."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Any

from clusters.core.scaling import (
    Alarm,
    PolicyKind,
    Scaling,
    ScalingPolicy,
    ScheduledAction,
    has_action,
    has_policy,
)
from clusters.providers.aws.client import Aws, Json
from clusters.providers.base import Conflict, InvalidRequest, NameTaken, NotFound

#: CloudWatch takes no more names in one call.
MOST_ALARMS = 100
#: Kinds of policies whose alarms AWS makes and removes itself.
SELF_ALARMED = frozenset({PolicyKind.TARGET, PolicyKind.PREDICTIVE})

_POLICY = frozenset(
    [
        "adjustmentType",
        "minAdjustmentMagnitude",
        "scalingAdjustment",
        "cooldown",
        "metricAggregationType",
        "stepAdjustments",
        "estimatedInstanceWarmup",
        "targetTrackingConfiguration",
        "enabled",
        "predictiveScalingConfiguration",
    ]
)
_ALARM = frozenset(
    [
        "alarmDescription",
        "actionsEnabled",
        "oKActions",
        "alarmActions",
        "insufficientDataActions",
        "metricName",
        "namespace",
        "statistic",
        "extendedStatistic",
        "dimensions",
        "period",
        "unit",
        "evaluationPeriods",
        "datapointsToAlarm",
        "threshold",
        "comparisonOperator",
        "treatMissingData",
        "evaluateLowSampleCountPercentile",
        "metrics",
        "thresholdMetricId",
    ]
)
_POLICY_ARN = ":scalingPolicy:"
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")


def of_groups(aws: Aws, name: str = "") -> dict[str, Scaling]:
    """By server group: of the one of that name, else of all that have any."""
    which = {"AutoScalingGroupName": name} if name else {}
    policies = aws.pages("autoscaling", "describe_policies", "ScalingPolicies", **which)
    actions = aws.pages("autoscaling", "describe_scheduled_actions", "ScheduledUpdateGroupActions", **which)
    alarms = _alarms(aws, {key for policy in policies for key in _alarm_names(policy)})
    names = {one["AutoScalingGroupName"] for one in (*policies, *actions)}
    return {
        name: Scaling(
            tuple(sorted(_policies(name, policies, alarms), key=lambda policy: policy.name)),
            tuple(sorted(_actions(name, actions), key=lambda action: action.name)),
        )
        for name in names
    }


def told(aws: Aws, groups: list[Json]) -> Callable[[str], Scaling]:
    """As `of_groups`, for who shows it. A role that may not read all this still sees its server groups."""
    try:
        found = of_groups(aws, groups[0]["AutoScalingGroupName"] if len(groups) == 1 else "")
    except (NotFound, Conflict):  # the only one is gone meanwhile
        found = {}
    except InvalidRequest as error:
        unread = Scaling(unread=error.message)
        return lambda _: unread
    return lambda name: found.get(name, Scaling())


def put_policy(aws: Aws, group: str, policy: ScalingPolicy) -> None:
    """Raises NameTaken, before anything is done, for an alarm that sets off none of the group's policies."""
    known = {name: _links(alarm) for name, alarm in _alarms(aws, {alarm.name for alarm in policy.alarms}).items()}
    for name, links in known.items():
        if not any(_is_of(group, link) for link in links):
            raise NameTaken(f"alarm {name} exists in {aws.region} and is for something else", field="alarm.name")
    arn = aws.do(
        "autoscaling",
        "put_scaling_policy",
        AutoScalingGroupName=group,
        PolicyName=policy.name,
        PolicyType=policy.kind.value,
        **_theirs({key: value for key, value in policy.settings.items() if key in _POLICY}),
    )["PolicyARN"]
    for alarm in policy.alarms:
        settings = _theirs({key: value for key, value in alarm.settings.items() if key in _ALARM})
        also = dict.fromkeys((*known.get(alarm.name, ()), arn))  # it goes on setting off others
        settings["AlarmActions"] = [*settings.get("AlarmActions", ()), *also]
        aws.do("cloudwatch", "put_metric_alarm", AlarmName=alarm.name, **settings)


def _links(alarm: Json) -> list[str]:
    """The policies it sets off."""
    return [action for action in alarm.get("AlarmActions", ()) if _POLICY_ARN in action]


def _is_of(group: str, action: str) -> bool:
    return _POLICY_ARN in action and f"autoScalingGroupName/{group}:" in action


def delete_policy(aws: Aws, group: str, name: str) -> None:
    """Alarms first: without their policy nobody would find them again."""
    policies = aws.pages("autoscaling", "describe_policies", "ScalingPolicies", AutoScalingGroupName=group)
    going = [policy for policy in policies if policy["PolicyName"] == name]
    if going:
        _delete_alarms(aws, group, going, [policy for policy in policies if policy not in going])
        with suppress(NotFound):
            aws.do("autoscaling", "delete_policy", AutoScalingGroupName=group, PolicyName=name)


def delete_alarms(aws: Aws, group: str) -> None:
    """Of a server group that is to be deleted; those that do something else, too, stay, and all that we may not see."""
    with suppress(InvalidRequest, NotFound):
        policies = aws.pages("autoscaling", "describe_policies", "ScalingPolicies", AutoScalingGroupName=group)
        _delete_alarms(aws, group, policies, [])


def _delete_alarms(aws: Aws, group: str, going: list[Json], staying: list[Json]) -> None:
    """Those of policies that are going, if all they do is to set off policies of this group that do not stay."""
    used = {policy["PolicyARN"] for policy in staying}

    def is_idle(action: str) -> bool:
        return _is_of(group, action) and action not in used

    alarms = _alarms(aws, {key for policy in going for key in _alarm_names(policy)})
    names = [name for name, alarm in alarms.items() if all(is_idle(a) for key in _ACTIONS for a in alarm.get(key, ()))]
    for start in range(0, len(names), MOST_ALARMS):
        aws.do("cloudwatch", "delete_alarms", AlarmNames=names[start : start + MOST_ALARMS])


def set_schedule(aws: Aws, group: str, actions: Collection[ScheduledAction]) -> None:
    """Only what differs is put: AWS refuses a start that is past, also one that it knows."""
    there = of_groups(aws, group).get(group, Scaling())
    wanted = {action.name for action in actions}
    gone = [action.name for action in there.actions if action.name not in wanted]
    if gone:
        _batch(aws, "batch_delete_scheduled_action", group, "FailedScheduledActions", ScheduledActionNames=gone)
    changed = [_their_action(action) for action in actions if not has_action(there, action)]
    if changed:
        _batch(
            aws,
            "batch_put_scheduled_update_group_action",
            group,
            "FailedScheduledUpdateGroupActions",
            ScheduledUpdateGroupActions=changed,
        )


def _batch(aws: Aws, operation: str, group: str, failures: str, **arguments: Any) -> None:
    """Raises InvalidRequest with what AWS said of the first that failed."""
    for failed in aws.do("autoscaling", operation, AutoScalingGroupName=group, **arguments).get(failures, []):
        words = f"{failed.get('ErrorMessage', 'no reason given')} ({failed.get('ErrorCode', '?')})"
        raise InvalidRequest(
            f"AWS: scheduled action {failed['ScheduledActionName']}: {words}", field="scheduledActions"
        )


def complete(aws: Aws, group: str, wanted: Scaling) -> None:
    """Put what is missing, so that repeated attempts get to the end however short each is."""
    if not wanted:
        return
    there = of_groups(aws, group).get(group, Scaling())
    for policy in wanted.policies:
        if not has_policy(there, policy):
            put_policy(aws, group, policy)
    if wanted.actions:
        set_schedule(aws, group, wanted.actions)


# reading --------------------------------------------------------------------------------------------------------------


def _alarm_names(policy: Json) -> list[str]:
    """Those that we look after."""
    is_ours = policy.get("PolicyType", PolicyKind.SIMPLE) not in SELF_ALARMED
    return [alarm["AlarmName"] for alarm in policy.get("Alarms", [])] if is_ours else []


def _alarms(aws: Aws, names: Iterable[str]) -> dict[str, Json]:
    wanted = sorted(names)
    found: dict[str, Json] = {}
    for start in range(0, len(wanted), MOST_ALARMS):
        some = wanted[start : start + MOST_ALARMS]
        alarms = aws.pages("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNames=some, AlarmTypes=["MetricAlarm"])
        found |= {alarm["AlarmName"]: alarm for alarm in alarms}
    return found


def _policies(group: str, policies: list[Json], alarms: dict[str, Json]) -> Iterable[ScalingPolicy]:
    for policy in policies:
        if policy["AutoScalingGroupName"] == group:
            own = [_alarm(alarms[name]) for name in sorted(_alarm_names(policy)) if name in alarms]
            kind = PolicyKind(policy.get("PolicyType", PolicyKind.SIMPLE))
            yield ScalingPolicy(policy["PolicyName"], kind, _ours(policy, _POLICY), tuple(own))


def _alarm(alarm: Json) -> Alarm:
    """Without the policies it sets off, which know it themselves."""
    settings = _ours(alarm, _ALARM)
    others = [action for action in settings.pop("alarmActions", []) if _POLICY_ARN not in action]
    return Alarm(alarm["AlarmName"], settings | ({"alarmActions": others} if others else {}))


def _actions(group: str, actions: list[Json]) -> Iterable[ScheduledAction]:
    for action in actions:
        if action["AutoScalingGroupName"] == group:
            yield ScheduledAction(
                name=action["ScheduledActionName"],
                recurrence=action.get("Recurrence") or "",
                min=action.get("MinSize"),
                max=action.get("MaxSize"),
                desired=action.get("DesiredCapacity"),
                starts_at=action.get("StartTime"),
                ends_at=action.get("EndTime"),
                time_zone=action.get("TimeZone") or "",
            )


def _their_action(action: ScheduledAction) -> Json:
    told = {
        "ScheduledActionName": action.name,
        "Recurrence": action.recurrence or None,
        "MinSize": action.min,
        "MaxSize": action.max,
        "DesiredCapacity": action.desired,
        "StartTime": action.starts_at,
        "EndTime": action.ends_at,
        "TimeZone": action.time_zone or None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _ours(value: Any, only: Collection[str] = ()) -> Any:
    """With small first letters, without what is not said; of the outermost fields only some."""
    if isinstance(value, dict):
        named = {name[:1].lower() + name[1:]: inner for name, inner in value.items()}
        return {
            key: _ours(inner)
            for key, inner in named.items()
            if (not only or key in only) and inner not in (None, [], {}, "")
        }
    return [_ours(inner) for inner in value] if isinstance(value, list) else value


def _theirs(value: Any) -> Any:
    if isinstance(value, dict):
        return {name[:1].upper() + name[1:]: _theirs(inner) for name, inner in value.items()}
    return [_theirs(inner) for inner in value] if isinstance(value, list) else value
