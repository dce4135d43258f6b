"""Puts instances behind load balancers of their server group."""

from __future__ import annotations

from typing import ClassVar

from clusters.core.values import Health
from pipelines.core.plan import Observe, Outcome, Running, StepView, Succeeded
from pipelines.stages.parts import pace
from pipelines.stages.parts.instance_work import BalancedConfig, InstancesStage, balanced_healths


def _wait(step: StepView, config: BalancedConfig) -> Outcome:
    left = [
        f"{one} in {name} ({health.value})"
        for name, one, health in balanced_healths(step, config)
        if health is not Health.UP
    ]
    if left:
        return Running(f"{', '.join(left)} to take traffic", again_in=pace.again_for_health(step))
    return Succeeded()


class RegisterInstancesWithLoadBalancer(InstancesStage):
    key: ClassVar[str] = "registerInstancesWithLoadBalancer"
    label: ClassVar[str] = "Register instances with load balancer"
    kind: ClassVar[str] = "register"
    effect_name: ClassVar[str] = "registerInstances"
    Config = BalancedConfig

    def wait(self) -> Observe:
        return Observe("waitForLoadBalancerState", _wait, pace.CLUSTER_WAIT)
