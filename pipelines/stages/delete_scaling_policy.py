"""Deletes a policy by which a server group changes its own size, with the alarms that do nothing else."""

from __future__ import annotations

from typing import Any, ClassVar

from clusters.operations import scaling as operations
from pipelines.core.plan import Intent, Json, StepSpec, StepView
from pipelines.stages.base import cloud_errors
from pipelines.stages.parts.scaling import ScalingConfig, scaling_effect, step_lock
from pipelines.stages.parts.target import TargetStage, existing_target


class Config(ScalingConfig):
    policy_name: str


def _intend(step: StepView, config: Config) -> Intent:
    group = existing_target(config, step)
    with cloud_errors("Nothing was changed."):
        request = operations.intend_delete_policy(
            step.stage.actor,
            group.account,
            group.region,
            group.name,
            config.policy_name,
            execution_id=step.stage.execution_id,
        )
    return Intent(request, f"delete scaling policy {config.policy_name} of {group.name}", step_lock(request))


def _told(request: Json) -> Json:
    return {"policyName": request["policy_name"]}


class DeleteScalingPolicy(TargetStage):
    key: ClassVar[str] = "deleteScalingPolicy"
    label: ClassVar[str] = "Delete scaling policy"
    Config = Config

    def work(self, config: Any) -> tuple[StepSpec, ...]:
        return (scaling_effect("deleteScalingPolicy", _intend, _told),)
