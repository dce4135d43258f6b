"""Makes the scheduled actions of a server group those that are given, and deletes its others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar
from zoneinfo import available_timezones

from pydantic import Field, ValidationInfo, field_validator, model_validator

from clusters.core import scaling
from clusters.operations import scaling as operations
from pipelines.core.plan import Child, Intent, Json, StageView, StepSpec, StepView, in_sequence
from pipelines.stages.base import StageConfig, cloud_errors, inherited
from pipelines.stages.parts.scaling import ScalingConfig, scaling_effect, step_lock
from pipelines.stages.parts.target import TargetStage, existing_target


class Asg(StageConfig):
    asg_name: str
    region: str


class ScheduledAction(StageConfig):
    """At times by cron (five fields), or once at `startTime`: which of the three sizes is set."""

    also_known: ClassVar[frozenset[str]] = frozenset({"time"})

    #: None: the one that recurs at the same times, else a new one.
    scheduled_action_name: str = ""
    recurrence: str = ""
    time_zone: str = ""
    #: Instants without a zone are UTC.
    start_time: datetime | None = Field(default=None, validate_default=True)
    end_time: datetime | None = None
    min_size: int | None = Field(default=None, ge=0)
    max_size: int | None = Field(default=None, ge=0)
    desired_capacity: int | None = Field(default=None, ge=0, validate_default=True)

    @field_validator("recurrence")
    @classmethod
    def _cron(cls, recurrence: str) -> str:
        if recurrence and (problem := scaling.cron_problem(recurrence)):
            raise ValueError(problem)
        return recurrence

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, zone: str) -> str:
        if zone and zone not in available_timezones():
            raise ValueError(f"{zone!r} is not a time zone")
        return zone

    @field_validator("start_time")
    @classmethod
    def _some_time(cls, start: datetime | None, info: ValidationInfo) -> datetime | None:
        if start is None and not info.data.get("recurrence"):
            raise ValueError("say when: recurrence, or startTime for once")
        return start

    @field_validator("start_time", "end_time")
    @classmethod
    def _aware(cls, moment: datetime | None) -> datetime | None:
        return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment

    @field_validator("end_time")
    @classmethod
    def _after_start(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("start_time")
        if end is not None and start is not None and end <= start:
            raise ValueError("is not after startTime")
        return end

    @field_validator("desired_capacity")
    @classmethod
    def _in_order(cls, desired: int | None, info: ValidationInfo) -> int | None:
        given = [size for size in (info.data.get("min_size"), desired, info.data.get("max_size")) if size is not None]
        if not given:
            raise ValueError("give one of minSize, maxSize and desiredCapacity")
        if given != sorted(given):
            raise ValueError("minSize <= desiredCapacity <= maxSize does not hold")
        return desired

    @property
    def value(self) -> scaling.ScheduledAction:
        return scaling.ScheduledAction(
            name=self.scheduled_action_name,
            recurrence=self.recurrence,
            min=self.min_size,
            max=self.max_size,
            desired=self.desired_capacity,
            starts_at=self.start_time,
            ends_at=self.end_time,
            time_zone=self.time_zone,
        )


class Config(ScalingConfig):
    #: The server groups, instead of naming one or its place in a cluster.
    asgs: tuple[Asg, ...] = ()
    scheduled_actions: tuple[ScheduledAction, ...]

    @model_validator(mode="before")
    @classmethod
    def _named_by_asgs(cls, fields: Any) -> Any:
        """The first stands in the fields that name one; the stage has a child for each of several."""
        asgs = fields.get("asgs") if isinstance(fields, dict) else None
        if not isinstance(asgs, list | tuple) or not asgs or not isinstance(asgs[0], dict):
            return fields
        first = asgs[0]
        return {"serverGroupName": first.get("asgName"), "regions": [first.get("region")], **fields}

    @property
    def is_split(self) -> bool:
        return len(self.asgs) > 1 or super().is_split


def _intend(step: StepView, config: Config) -> Intent:
    group = existing_target(config, step)
    with cloud_errors("Nothing was changed."):
        request = operations.intend_set_schedule(
            step.stage.actor,
            group.account,
            group.region,
            group.name,
            tuple(action.value for action in config.scheduled_actions),
            token=step.token,
            execution_id=step.stage.execution_id,
        )
    return Intent(request, f"{len(request['actions'])} scheduled actions of {group.name}", step_lock(request))


def _told(request: Json) -> Json:
    return {"scheduledActionNames": [action["name"] for action in request["actions"]]}


class UpsertAsgScheduledActions(TargetStage):
    key: ClassVar[str] = "upsertAsgScheduledActions"
    label: ClassVar[str] = "Upsert scheduled actions"
    aliases: ClassVar[tuple[str, ...]] = ("upsertScheduledActions",)
    Config = Config

    def before(self, config: Any, stage: StageView) -> list[Child]:
        if len(config.asgs) < 2:
            return super().before(config, stage)
        fields = inherited(stage.context, "asgs", "serverGroupName", "region", "regions")
        return in_sequence(
            [
                Child(
                    self.key,
                    f"{self.label} of {asg.asg_name}",
                    fields | {"serverGroupName": asg.asg_name, "region": asg.region},
                )
                for asg in config.asgs
            ]
        )

    def work(self, config: Any) -> tuple[StepSpec, ...]:
        return (scaling_effect("upsertAsgScheduledActions", _intend, _told),)
