"""Ends instances; their server group replaces them unless its Launch process is suspended."""

from __future__ import annotations

from typing import ClassVar

from pipelines.core.plan import Observe, Outcome, Running, StepView, Succeeded
from pipelines.stages.parts import pace
from pipelines.stages.parts.instance_work import InstancesConfig, InstancesStage, healths


def _wait(step: StepView, config: InstancesConfig) -> Outcome:
    left = sorted(healths(step, config))
    return Running(f"{', '.join(left)} to go", again_in=pace.again_in(step)) if left else Succeeded()


class TerminateInstances(InstancesStage):
    key: ClassVar[str] = "terminateInstances"
    label: ClassVar[str] = "Terminate instances"
    kind: ClassVar[str] = "terminate"
    effect_name: ClassVar[str] = "terminateInstances"

    def wait(self) -> Observe:
        return Observe("waitForTerminatedInstances", _wait, pace.CLUSTER_WAIT, is_timeout_overridable=False)
