"""Puts a server group back into traffic and waits until it is healthy."""

from __future__ import annotations

from typing import Any, ClassVar

from pipelines.core.plan import Intent, Observe, Outcome, StepSpec, StepView
from pipelines.stages.parts import health, pace
from pipelines.stages.parts.changes import Change, change_effect, intend_changes
from pipelines.stages.parts.target import TargetConfig, TargetStage, existing_target, names_of, target_name


def _intend(step: StepView, config: TargetConfig) -> Intent:
    name = existing_target(config, step).name
    return intend_changes(step, config, [Change("enable", name)], context=names_of(name))


def _wait(step: StepView, config: TargetConfig) -> Outcome:
    return health.wait_for_up(step, config, target_name(config, step.stage))


class EnableServerGroup(TargetStage):
    key: ClassVar[str] = "enableServerGroup"
    label: ClassVar[str] = "Enable server group"

    def work(self, config: Any) -> tuple[StepSpec, ...]:
        return (
            change_effect("enableServerGroup", _intend),
            Observe("waitForUpInstances", _wait, pace.HEALTH_WAIT),
        )
