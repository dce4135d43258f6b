"""Changing what changes a server group's size by itself, as an effect of a step: intend in the transaction, then do.

WRITE on the account is needed and EXECUTE on the application that the name says. Names are fixed in the intent, so
again is harmless. Intents are JSON.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from clusters import queries
from clusters.core import naming
from clusters.core.scaling import (
    MOST_ACTIONS,
    Alarm,
    Scaling,
    ScalingPolicy,
    ScheduledAction,
    has_policy,
    has_schedule,
)
from clusters.core.values import InvalidValue
from clusters.operations.places import Place, require_execute, still_writable, writable
from clusters.operations.server_groups import refresh_row
from clusters.providers import get_provider
from clusters.providers.base import Conflict, NotFound
from clusters.trust import audit
from clusters.trust.permissions import Actor

Json = dict[str, Any]

_POLICY = TypeAdapter(ScalingPolicy)
_ACTIONS = TypeAdapter(tuple[ScheduledAction, ...])


def label_without_scaling(provider: str) -> str:
    """What people call the cloud of that key, if it lets no server group change its size by itself; else ""."""
    try:
        cloud = get_provider(provider)
    except KeyError:
        return ""
    return "" if cloud.has_scaling else cloud.label


def intend_upsert_policy(
    actor: Actor, account: str, region: str, name: str, policy: ScalingPolicy, *, token: str, execution_id: str = ""
) -> Json:
    """A policy or an alarm without a name gets one: the policy by the token, its alarm by the policy.

    Raises Refused, InvalidValue, ProviderError.
    """
    place = _place(actor, account, region, name)
    there = _scaling(place, name)
    own = policy.name or f"{name}-policy-{_short(token)}"
    alarms = tuple(Alarm(alarm.name or _alarm_name(name, own), alarm.settings) for alarm in policy.alarms)
    asked = _POLICY.dump_python(replace(policy, name=own, alarms=alarms), mode="json")
    before = [_POLICY.dump_python(one, mode="json") for one in there.policies if one.name == own]
    intent = _intent("upsert_scaling_policy", place, name) | {"policy": asked}
    _record(actor, intent, {"policies": before}, {"policies": [asked]}, execution_id)
    return intent


def intend_delete_policy(
    actor: Actor, account: str, region: str, name: str, policy: str, *, execution_id: str = ""
) -> Json:
    """Raises Refused, InvalidValue, ProviderError."""
    place = _place(actor, account, region, name)
    before = [_POLICY.dump_python(one, mode="json") for one in _scaling(place, name).policies if one.name == policy]
    intent = _intent("delete_scaling_policy", place, name) | {"policy_name": policy}
    _record(actor, intent, {"policies": before}, {"policies": []}, execution_id)
    return intent


def intend_set_schedule(
    actor: Actor,
    account: str,
    region: str,
    name: str,
    actions: tuple[ScheduledAction, ...],
    *,
    token: str,
    execution_id: str = "",
) -> Json:
    """These actions and no others. One without a name is the one that recurs at the same times, else a new one.

    Raises Refused, InvalidValue, ProviderError.
    """
    place = _place(actor, account, region, name)
    if len(actions) > MOST_ACTIONS:
        raise InvalidValue("scheduledActions", f"{len(actions)} are more than {MOST_ACTIONS}")
    there = _scaling(place, name)
    before, asked = (
        _ACTIONS.dump_python(some, mode="json") for some in (there.actions, _named(actions, there, name, token))
    )
    intent = _intent("upsert_scheduled_actions", place, name) | {"actions": asked}
    _record(actor, intent, {"actions": before}, {"actions": asked}, execution_id)
    return intent


def change(actor: Actor, intent: Json) -> None:
    """Do it; again is harmless. Raises Refused, ProviderError."""
    groups = still_writable(actor, intent).provider.server_groups
    target = intent["account"], intent["region"], intent["name"]
    match intent["kind"]:
        case "upsert_scaling_policy":
            groups.put_policy(*target, _POLICY.validate_python(intent["policy"]))
        case "delete_scaling_policy":
            groups.delete_policy(*target, intent["policy_name"])
        case "upsert_scheduled_actions":
            groups.set_schedule(*target, _ACTIONS.validate_python(intent["actions"]))
    refresh_row(intent)


def is_done(intent: Json) -> bool:
    """Raises ProviderError when that cannot be told."""
    groups = queries.provider_named(intent["account"]).server_groups
    try:
        scaling = groups.get(intent["account"], intent["region"], intent["name"]).scaling
    except NotFound:
        return False
    match intent["kind"]:
        case "upsert_scaling_policy":
            return has_policy(scaling, _POLICY.validate_python(intent["policy"]))
        case "delete_scaling_policy":
            return not scaling.unread and intent["policy_name"] not in {policy.name for policy in scaling.policies}
        case _:
            return not scaling.unread and has_schedule(scaling, _ACTIONS.validate_python(intent["actions"]))


def _place(actor: Actor, account: str, region: str, name: str) -> Place:
    """Raises InvalidValue where the cloud has no scaling of its own."""
    place = writable(actor, account, region)
    moniker = naming.parse(name)
    require_execute(actor, moniker.app if moniker else "")
    if not place.provider.has_scaling:
        raise InvalidValue("credentials", f"{place.provider.label} has no scaling policies and scheduled actions")
    return place


def _scaling(place: Place, name: str) -> Scaling:
    group = place.provider.server_groups.get(place.account, place.region, name)
    if group.is_being_destroyed:
        raise Conflict(f"server group {name} is being destroyed")
    return group.scaling


def _named(actions: tuple[ScheduledAction, ...], there: Scaling, group: str, token: str) -> tuple[ScheduledAction, ...]:
    """Raises InvalidValue for two of one name."""
    named: list[ScheduledAction] = []
    for number, action in enumerate(actions):
        taken = {one.name for one in (*actions, *named)}
        alike = (one.name for one in there.actions if one.recurrence == action.recurrence and one.name not in taken)
        name = action.name or next(alike, f"{group}-schedule-{_short(f'{token}:{number}')}")
        if name in {one.name for one in named}:
            raise InvalidValue(f"scheduledActions[{number}]", f"there is another one of the name {name!r}")
        named.append(replace(action, name=name))
    return tuple(named)


def _alarm_name(group: str, policy: str) -> str:
    """Alarms are named for a whole region."""
    return f"{policy}-alarm" if group in policy else f"{group}-{policy}-alarm"


def _short(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:12]


def _intent(kind: str, place: Place, name: str) -> Json:
    moniker = naming.parse(name)
    return {
        "kind": kind,
        "account": place.account,
        "region": place.region,
        "name": name,
        "cluster": queries.cluster_of(name),
        "application": moniker.app if moniker else "",
    }


def _record(actor: Actor, intent: Json, before: Json, after: Json, execution_id: str) -> None:
    audit.record(
        actor,
        f"server_group.{intent['kind']}",
        ("server_group", f"{intent['account']}/{intent['region']}/{intent['name']}"),
        before,
        after,
        application=intent["application"],
        execution_id=execution_id,
    )
