"""Restarts instances in place, drained from their load balancers first where the cloud can."""

from __future__ import annotations

from typing import ClassVar

from clusters.core.values import Health
from pipelines.core.plan import Observe, Outcome, Running, StepFailed, StepView, Succeeded
from pipelines.stages.parts import pace
from pipelines.stages.parts.instance_work import InstancesConfig, InstancesStage, healths


def _wait(step: StepView, config: InstancesConfig) -> Outcome:
    found = healths(step, config)
    gone = [one for one in config.instance_ids if one not in found]
    if gone:
        raise StepFailed(f"{', '.join(gone)} did not come back: its server group has replaced it.")
    ill = [f"{one} ({health.value})" for one, health in sorted(found.items()) if health is not Health.UP]
    if ill:
        return Running(f"{', '.join(ill)} to become healthy", again_in=pace.again_for_health(step))
    return Succeeded()


class RebootInstances(InstancesStage):
    key: ClassVar[str] = "rebootInstances"
    label: ClassVar[str] = "Reboot instances"
    kind: ClassVar[str] = "reboot"
    effect_name: ClassVar[str] = "rebootInstances"

    def wait(self) -> Observe:
        return Observe("waitForUpInstances", _wait, pace.HEALTH_WAIT)
