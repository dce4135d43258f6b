"""Takes instances out of load balancers; they keep running."""

from __future__ import annotations

from typing import ClassVar

from clusters.core.values import Health
from pipelines.core.plan import Observe, Outcome, Running, StepView, Succeeded
from pipelines.stages.parts import pace
from pipelines.stages.parts.instance_work import BalancedConfig, InstancesStage, balanced_healths

IN_TRAFFIC = (Health.UP, Health.STARTING, Health.DRAINING)


def _wait(step: StepView, config: BalancedConfig) -> Outcome:
    left = [f"{one} in {name}" for name, one, health in balanced_healths(step, config) if health in IN_TRAFFIC]
    if left:
        return Running(f"connections of {', '.join(left)} to drain", again_in=pace.again_for_health(step))
    return Succeeded()


class DeregisterInstancesFromLoadBalancer(InstancesStage):
    key: ClassVar[str] = "deregisterInstancesFromLoadBalancer"
    label: ClassVar[str] = "Deregister instances from load balancer"
    kind: ClassVar[str] = "deregister"
    effect_name: ClassVar[str] = "deregisterInstances"
    Config = BalancedConfig

    def wait(self) -> Observe:
        return Observe("waitForLoadBalancerState", _wait, pace.CLUSTER_WAIT)
