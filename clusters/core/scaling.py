"""What changes a server group's size by itself: policies that follow a metric, and actions at set times.

Settings of policies and alarms stand under AWS's names with a small first letter, which are Spinnaker's, too: what was
read can be put again as it is, also what nobody here knows of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

Json = dict[str, Any]

#: Longest name of a policy, an alarm or a scheduled action.
LONGEST_NAME = 255
#: AWS takes no more scheduled actions in one call, and by default no more for one server group.
MOST_ACTIONS = 50

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
#: Of the fourth and fifth field.
_NAMES = {3: {name: number for number, name in enumerate(_MONTHS, 1)}, 4: {name: n for n, name in enumerate(_DAYS)}}
#: Minute, hour, day of the month, month, day of the week.
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


class PolicyKind(StrEnum):
    SIMPLE = "SimpleScaling"
    STEP = "StepScaling"
    TARGET = "TargetTrackingScaling"
    PREDICTIVE = "PredictiveScaling"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Sets off the policies that it belongs to; `settings` say by which metric and when."""

    name: str
    settings: Json


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """`alarms` are empty where the cloud makes and removes them itself: one that tracks a target, or predicts."""

    name: str
    kind: PolicyKind
    settings: Json
    alarms: tuple[Alarm, ...] = ()


@dataclass(frozen=True, slots=True)
class ScheduledAction:
    """Sets what is given of the three sizes, at `starts_at` and by `recurrence`: cron with five fields."""

    name: str
    recurrence: str = ""
    min: int | None = None
    max: int | None = None
    desired: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    #: IANA's name of the time zone of `recurrence`; none: UTC.
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class Scaling:
    """All of one server group, by name. `unread` says why the cloud would not tell; then the rest is empty."""

    policies: tuple[ScalingPolicy, ...] = ()
    actions: tuple[ScheduledAction, ...] = ()
    unread: str = ""

    def __bool__(self) -> bool:
        return bool(self.policies or self.actions)

    def as_json(self) -> Json:
        """{} when there is nothing."""
        json: Json = _CODEC.dump_python(self, mode="json", exclude_defaults=True)
        return json

    @classmethod
    def from_json(cls, json: Json) -> Scaling:
        return _CODEC.validate_python(json)

    def with_policy(self, policy: ScalingPolicy) -> Scaling:
        """Added, or in the place of the one of its name; alarms that are not named stay."""
        there = next((one for one in self.policies if one.name == policy.name), None)
        named = {alarm.name for alarm in policy.alarms}
        kept = tuple(alarm for alarm in there.alarms if alarm.name not in named) if there else ()
        own = replace(policy, alarms=_by_name(kept + policy.alarms))
        return replace(self, policies=_by_name((*self.without_policy(policy.name).policies, own)))

    def without_policy(self, name: str) -> Scaling:
        return replace(self, policies=tuple(one for one in self.policies if one.name != name))

    def with_schedule(self, actions: tuple[ScheduledAction, ...]) -> Scaling:
        return replace(self, actions=_by_name(actions))


_CODEC = TypeAdapter(Scaling)


def _by_name(things: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(sorted(things, key=lambda thing: thing.name))


def copied(scaling: Scaling, source: str, copy: str, now: datetime) -> Scaling:
    """For the server group `copy`, what `source` has: names that hold the source's, and metrics that are about it, are
    made the copy's. What lies in the past is left out.
    """

    def named(name: str) -> str:
        return (name.replace(source, copy) if source in name else f"{copy}-{name}")[:LONGEST_NAME]

    policies = tuple(
        replace(
            policy,
            name=named(policy.name),
            settings=_about(policy.settings, source, copy),
            alarms=tuple(Alarm(named(one.name), _about(one.settings, source, copy)) for one in policy.alarms),
        )
        for policy in scaling.policies
    )
    actions = tuple(
        replace(action, name=named(action.name), starts_at=_to_come(action.starts_at, now))
        for action in scaling.actions
        if (action.recurrence or _to_come(action.starts_at, now)) and (not action.ends_at or action.ends_at > now)
    )
    return Scaling(_by_name(policies), _by_name(actions))


def _to_come(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment and moment > now else None


def _about(value: Any, source: str, copy: str) -> Any:
    """With the source's name, where it is a whole text (of a dimension, say), made the copy's."""
    if isinstance(value, dict):
        return {key: _about(inner, source, copy) for key, inner in value.items()}
    if isinstance(value, list):
        return [_about(inner, source, copy) for inner in value]
    return copy if value == source else value


def holds(wanted: Any, there: Any) -> bool:
    """Whether all that is wanted is so. The cloud adds what was left open."""
    if isinstance(wanted, dict) and isinstance(there, dict):
        return all(key in there and holds(value, there[key]) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(there, list):
        return len(wanted) == len(there) and all(map(holds, wanted, there))
    return bool(wanted == there)


def has_policy(scaling: Scaling, wanted: ScalingPolicy) -> bool:
    there = next((one for one in scaling.policies if one.name == wanted.name), None)
    if there is None or there.kind != wanted.kind or not holds(wanted.settings, there.settings):
        return False
    alarms = {alarm.name: alarm.settings for alarm in there.alarms}
    return all(alarm.name in alarms and holds(alarm.settings, alarms[alarm.name]) for alarm in wanted.alarms)


def has_action(scaling: Scaling, wanted: ScheduledAction) -> bool:
    """The cloud says of one that recurs when it starts next, which nobody may have asked for."""
    there = next((one for one in scaling.actions if one.name == wanted.name), None)
    if there is not None and wanted.starts_at is None and wanted.recurrence:
        there = replace(there, starts_at=None)
    return there == wanted


def has_schedule(scaling: Scaling, wanted: tuple[ScheduledAction, ...]) -> bool:
    """These actions and no others."""
    return len(scaling.actions) == len(wanted) and all(has_action(scaling, action) for action in wanted)


def cron_problem(recurrence: str) -> str:
    """What is wrong with a cron expression of five fields; "" when nothing is."""
    fields = recurrence.split()
    if len(fields) != len(_BOUNDS):
        return f"{recurrence!r} is not five fields: minute, hour, day of the month, month, day of the week"
    wrong = next((field for place, field in enumerate(fields) if not _is_field(field.upper(), place)), None)
    return f"{wrong!r} in {recurrence!r} cannot be read" if wrong else ""


def _is_field(field: str, place: int) -> bool:
    low, high = _BOUNDS[place]
    for part in field.split(","):
        match = re.fullmatch(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?", part)
        if match is None or match[3] == "0":
            return False
        ends = [_number(text, place) for text in match.groups()[:2] if text is not None]
        if any(end is None or not low <= end <= high for end in ends) or ends != sorted(ends, key=int):  # type: ignore[arg-type]
            return False
    return True


def _number(text: str, place: int) -> int | None:
    return int(text) if text.isdecimal() else _NAMES.get(place, {}).get(text)
