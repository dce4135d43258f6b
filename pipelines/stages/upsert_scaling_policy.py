"""Creates a policy by which a server group changes its own size, or makes it and its alarm as they are given."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from clusters.core import scaling
from clusters.core.scaling import PolicyKind, ScalingPolicy
from clusters.operations import scaling as operations
from pipelines.core.plan import Intent, Json, StepSpec, StepView
from pipelines.stages.base import StageConfig, cloud_errors
from pipelines.stages.parts.scaling import ScalingConfig, scaling_effect, step_lock
from pipelines.stages.parts.target import TargetStage, existing_target

#: Fields of an alarm that AWS calls otherwise.
_ACTIONS = {
    "alarmActionArns": "alarmActions",
    "okActionArns": "oKActions",
    "insufficientDataActionArns": "insufficientDataActions",
}


class Simple(StageConfig):
    scaling_adjustment: int
    #: Seconds.
    cooldown: int = Field(default=600, ge=0)


class StepAdjustment(StageConfig):
    """Bounds are measured from the alarm's threshold; an open one reaches as far as there is."""

    metric_interval_lower_bound: float | None = None
    metric_interval_upper_bound: float | None = None
    scaling_adjustment: int


class Step(StageConfig):
    step_adjustments: tuple[StepAdjustment, ...] = Field(min_length=1)
    #: Seconds.
    estimated_instance_warmup: int | None = Field(default=None, ge=0)
    metric_aggregation_type: Literal["Minimum", "Maximum", "Average"] = "Average"


class Dimension(StageConfig):
    name: str
    value: str


class Predefined(StageConfig):
    predefined_metric_type: str
    #: Of the load balancer and its target group, for ALBRequestCountPerTarget.
    resource_label: str | None = None


class Customized(StageConfig):
    """A metric, or an expression of `metrics`, which are passed on as they are."""

    metric_name: str | None = None
    namespace: str | None = None
    dimensions: tuple[Dimension, ...] = ()
    statistic: str | None = None
    unit: str | None = None
    period: int | None = None
    metrics: tuple[Json, ...] = ()


class TargetTracking(StageConfig):
    target_value: float
    disable_scale_in: bool = False
    predefined_metric_specification: Predefined | None = None
    customized_metric_specification: Customized | None = Field(default=None, validate_default=True)

    @field_validator("customized_metric_specification")
    @classmethod
    def _one_metric(cls, own: Customized | None, info: ValidationInfo) -> Customized | None:
        if (own is None) == (info.data.get("predefined_metric_specification") is None):
            raise ValueError("name one metric: predefinedMetricSpecification or customizedMetricSpecification")
        return own


class Alarm(StageConfig):
    """What sets the policy off. It is about the server group unless dimensions say otherwise."""

    also_known: ClassVar[frozenset[str]] = frozenset({"asgName", "region"})

    #: None: one that belongs to the policy.
    name: str = ""
    alarm_description: str | None = None
    actions_enabled: bool = True
    namespace: str
    metric_name: str
    dimensions: tuple[Dimension, ...] | None = None
    statistic: Literal["SampleCount", "Average", "Sum", "Minimum", "Maximum"] = "Average"
    unit: str | None = None
    comparison_operator: Literal[
        "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"
    ]
    threshold: float
    #: Seconds.
    period: int = Field(default=300, ge=10)
    evaluation_periods: int = Field(default=1, ge=1)
    datapoints_to_alarm: int | None = Field(default=None, ge=1)
    treat_missing_data: str | None = None
    alarm_action_arns: tuple[str, ...] = ()
    ok_action_arns: tuple[str, ...] = ()
    insufficient_data_action_arns: tuple[str, ...] = ()

    def as_value(self, group: str) -> scaling.Alarm:
        said = _said(self, "name", "asgName", "region")
        about = [{"name": "AutoScalingGroupName", "value": group}]
        settings = {"dimensions": about} | {_ACTIONS.get(name, name): value for name, value in said.items()}
        return scaling.Alarm(self.name, {name: value for name, value in settings.items() if value != []})


class Config(ScalingConfig):
    #: None: a new policy. Else the policy of that name, which may be there already.
    policy_name: str = ""
    adjustment_type: Literal["ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"] = "ChangeInCapacity"
    min_adjustment_magnitude: int | None = Field(default=None, ge=1)
    #: Seconds, of target tracking.
    estimated_instance_warmup: int | None = Field(default=None, ge=0)
    simple: Simple | None = None
    step: Step | None = None
    target_tracking_configuration: TargetTracking | None = Field(default=None, validate_default=True)
    alarm: Alarm | None = None

    @field_validator("min_adjustment_magnitude")
    @classmethod
    def _of_percent(cls, least: int | None, info: ValidationInfo) -> int | None:
        if least is not None and info.data.get("adjustment_type") != "PercentChangeInCapacity":
            raise ValueError("needs adjustmentType PercentChangeInCapacity")
        return least

    @field_validator("target_tracking_configuration")
    @classmethod
    def _one_kind(cls, target: TargetTracking | None, info: ValidationInfo) -> TargetTracking | None:
        kinds = (target, info.data.get("simple"), info.data.get("step"))
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("give one of simple, step and targetTrackingConfiguration")
        return target

    @field_validator("alarm")
    @classmethod
    def _for_who_needs_one(cls, alarm: Alarm | None, info: ValidationInfo) -> Alarm | None:
        if alarm is not None and info.data.get("target_tracking_configuration") is not None:
            raise ValueError("a tracked target gets its alarms from AWS")
        return alarm

    def policy(self, group: str) -> ScalingPolicy:
        alarms = (self.alarm.as_value(group),) if self.alarm else ()
        return ScalingPolicy(self.policy_name, *self._kind_and_settings(), alarms)

    def _kind_and_settings(self) -> tuple[PolicyKind, Json]:
        if self.target_tracking_configuration is not None:
            warmup = {"estimatedInstanceWarmup": self.estimated_instance_warmup}
            tracking = {"targetTrackingConfiguration": _said(self.target_tracking_configuration)}
            return PolicyKind.TARGET, tracking | (warmup if self.estimated_instance_warmup is not None else {})
        settings: Json = {"adjustmentType": self.adjustment_type}
        if self.min_adjustment_magnitude is not None:
            settings["minAdjustmentMagnitude"] = self.min_adjustment_magnitude
        if self.step is not None:
            return PolicyKind.STEP, settings | _said(self.step)
        return PolicyKind.SIMPLE, settings | (_said(self.simple) if self.simple else {})


def _said(config: StageConfig, *but: str) -> Json:
    """By JSON names, without what is open, and without fields that nobody here knows."""
    known = {described.alias or name for name, described in type(config).model_fields.items()} - {*but}
    told = config.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {name: value for name, value in told.items() if name in known}


def _intend(step: StepView, config: Config) -> Intent:
    group = existing_target(config, step)
    with cloud_errors("Nothing was changed."):
        request = operations.intend_upsert_policy(
            step.stage.actor,
            group.account,
            group.region,
            group.name,
            config.policy(group.name),
            token=step.token,
            execution_id=step.stage.execution_id,
        )
    return Intent(request, f"scaling policy {request['policy']['name']} of {group.name}", step_lock(request))


def _told(request: Json) -> Json:
    policy = request["policy"]
    return {"policyName": policy["name"], "alarmNames": [alarm["name"] for alarm in policy["alarms"]]}


class UpsertScalingPolicy(TargetStage):
    key: ClassVar[str] = "upsertScalingPolicy"
    label: ClassVar[str] = "Upsert scaling policy"
    Config = Config

    def work(self, config: Any) -> tuple[StepSpec, ...]:
        return (scaling_effect("upsertScalingPolicy", _intend, _told),)
