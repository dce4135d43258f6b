"""Suspends or resumes processes by which a server group keeps its size and health."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from clusters import queries
from clusters.core.values import Process
from pipelines.core.plan import Intent, Observe, Outcome, Running, StepFailed, StepSpec, StepView, Succeeded
from pipelines.stages.parts import pace
from pipelines.stages.parts.changes import Change, change_effect, intend_changes
from pipelines.stages.parts.target import TargetConfig, TargetStage, existing_target, names_of


class Config(TargetConfig):
    action: Literal["suspend", "resume"]
    #: None given: those that an earlier stage of this type has changed on the same server group.
    processes: tuple[Process, ...] = ()


def _processes(step: StepView, config: Config, name: str) -> frozenset[str]:
    wanted = config.processes or step.stage.lookup(f"scalingProcesses.{name}")
    if wanted is None:
        raise StepFailed(f"processes: name some; no earlier stage has changed any of {name}.", field="processes")
    return frozenset(map(str, wanted))


def _intend(step: StepView, config: Config) -> Intent:
    """Only those that are not yet so; none left: no call."""
    group = existing_target(config, step)
    wanted = _processes(step, config, group.name)
    suspended = group.suspended_processes
    changed = sorted(wanted - suspended if config.action == "suspend" else wanted & suspended)
    changes = [Change(config.action, group.name, processes=frozenset(changed))] if changed else []
    key = f"scalingProcesses.{group.name}"
    return intend_changes(
        step,
        config,
        changes,
        cluster=queries.cluster_of(group.name),
        context={**names_of(group.name), "processes": sorted(wanted)},
        outputs={key: changed},
    )


def _wait(step: StepView, config: Config) -> Outcome:
    group = existing_target(config, step)
    wanted, suspended = set(map(str, config.processes)), group.suspended_processes
    left = wanted - suspended if config.action == "suspend" else wanted & suspended
    if left:
        return Running(f"{', '.join(sorted(left))} of {group.name} to be reported so", again_in=pace.again_in(step))
    return Succeeded()


class ModifyAwsScalingProcess(TargetStage):
    key: ClassVar[str] = "modifyAwsScalingProcess"
    label: ClassVar[str] = "Modify scaling process"
    aliases: ClassVar[tuple[str, ...]] = ("modifyScalingProcess",)
    Config = Config

    def work(self, config: Any) -> tuple[StepSpec, ...]:
        return (
            change_effect(config.action, _intend),
            Observe("waitForScalingProcesses", _wait, pace.SCALING_WAIT, is_timeout_overridable=False),
        )
