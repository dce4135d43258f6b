"""Goes back from one server group to another: enables and sizes the old one, then disables the new one."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from clusters.core.values import Capacity, ServerGroup
from pipelines.core.plan import (
    Child,
    Json,
    Observe,
    Outcome,
    StageView,
    StepFailed,
    StepSpec,
    StepView,
    Succeeded,
    in_sequence,
)
from pipelines.stages.base import BaseStage, StageConfig
from pipelines.stages.parts import pace
from pipelines.stages.parts.place import ClusterConfig, server_group_or_none
from pipelines.stages.parts.target import names_of


class Plan(StageConfig):
    rollback_server_group_name: str
    restore_server_group_name: str
    target_healthy_rollback_percentage: int = Field(default=100, ge=0, le=100)
    delay_before_disable_seconds: int = Field(default=0, ge=0)
    enable_and_disable_only: bool = False
    disable_only: bool = False

    @property
    def resizes(self) -> bool:
        return not (self.disable_only or self.enable_and_disable_only)


class Config(ClusterConfig):
    rollback_type: Literal["EXPLICIT"] = "EXPLICIT"
    rollback_context: Plan


def _capture(step: StepView, config: Config) -> Outcome:
    """The larger of both sizes with the minimum held up, so that nothing shrinks the old one meanwhile."""
    plan = config.rollback_context
    new = _existing(step, config, plan.rollback_server_group_name).capacity
    old = _existing(step, config, plan.restore_server_group_name).capacity
    desired = max(new.desired, old.desired)
    pinned = Capacity(desired, desired, max(new.max, old.max))
    return Succeeded({"restoreCapacity": pinned.as_json(), "capacityBefore": old.as_json()})


def _existing(step: StepView, config: Config, name: str) -> ServerGroup:
    group = server_group_or_none(step.stage.actor, config.account_name, config.region_names[0], name)
    if group is None:
        raise StepFailed(f"Cannot roll back: {name} is gone. Nothing was changed.")
    return group


class RollbackServerGroup(BaseStage):
    key: ClassVar[str] = "rollbackServerGroup"
    label: ClassVar[str] = "Rollback server group"
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        if not config.rollback_context.resizes:
            return ()
        return (Observe("captureSourceServerGroupCapacity", _capture, pace.DETERMINE, is_timeout_overridable=False),)

    def after(self, config: Any, stage: StageView) -> list[Child]:
        plan = config.rollback_context
        disable = _disable(config, plan)
        if plan.disable_only:
            return [disable]
        enable = _enable(config, plan)
        if plan.enable_and_disable_only:
            return in_sequence([enable, disable])
        pinned, before = stage.context["restoreCapacity"], stage.context["capacityBefore"]
        resizes = [] if pinned == before else [_resize(config, plan, pinned)]
        restores = [] if pinned == before else [_restore_minimum(config, plan, pinned, before)]
        return in_sequence([enable, *resizes, *_wait(plan), disable, *restores])


def _about(config: Config, name: str) -> Json:
    percentage = config.rollback_context.target_healthy_rollback_percentage
    where = {"region": config.region_names[0], "targetHealthyDeployPercentage": percentage}
    return config.place | where | names_of(name)


def _enable(config: Config, plan: Plan) -> Child:
    old = plan.restore_server_group_name
    return Child("enableServerGroup", f"Enable {old} due to rollback", _about(config, old))


def _resize(config: Config, plan: Plan, capacity: Json) -> Child:
    old = plan.restore_server_group_name
    sizes = ", ".join(f"{part}: {capacity[part]}" for part in ("min", "max", "desired"))
    context = _about(config, old) | {"action": "scale_exact", "capacity": capacity}
    return Child("resizeServerGroup", f"Resize Server Group: {old} to ({sizes})", context)


def _wait(plan: Plan) -> list[Child]:
    seconds = plan.delay_before_disable_seconds
    return [Child("wait", "waitBeforeDisable", {"waitTime": seconds})] if seconds else []


def _disable(config: Config, plan: Plan) -> Child:
    """Refused unless the old one carries the traffic; where only disabling is asked, it always did."""
    new = plan.rollback_server_group_name
    replaced_by = {} if plan.disable_only else {"replacedBy": plan.restore_server_group_name}
    return Child("disableServerGroup", f"Disable {new} due to rollback", _about(config, new) | replaced_by)


def _restore_minimum(config: Config, plan: Plan, pinned: Json, before: Json) -> Child:
    context = {"action": "scale_exact", "capacity": {"min": min(before["min"], pinned["desired"])}}
    return Child(
        "resizeServerGroup",
        "Restore Min Capacity From Snapshot due to rollback",
        _about(config, plan.restore_server_group_name) | context,
    )
