"""Changes how many instances a server group has, and waits until they are there."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from clusters import queries
from clusters.core.resizing import Action, Resize, resized
from clusters.core.values import Capacity, Process, ServerGroup
from pipelines.core.plan import Intent, Observe, Outcome, Running, StageView, StepSpec, StepView, Succeeded
from pipelines.stages.base import StageConfig, cloud_errors
from pipelines.stages.parts import health, pace
from pipelines.stages.parts.changes import Change, change_effect, intend_changes
from pipelines.stages.parts.target import (
    TargetConfig,
    TargetStage,
    existing_target,
    names_of,
    target_name,
)

#: A disabled server group has these suspended and would stay as it is.
SIZING = frozenset({Process.LAUNCH, Process.TERMINATE})


class Sizes(StageConfig):
    """What is missing stays as it is."""

    min: int | None = Field(default=None, ge=0)
    desired: int | None = Field(default=None, ge=0)
    max: int | None = Field(default=None, ge=0)


class Source(StageConfig):
    server_group_name: str = ""
    asg_name: str = ""


class Config(TargetConfig):
    action: Action = Action.SCALE_EXACT
    #: exact, pct or incr: what an editor shows; the fields below decide.
    resize_type: str = ""
    capacity: Sizes = Sizes()
    scale_pct: float | None = Field(default=None, ge=0)
    scale_num: int | None = Field(default=None, ge=0)
    pin_capacity: bool = False
    pin_minimum_capacity: bool = False
    unpin_minimum_capacity: bool = False
    source: Source = Source()
    #: Written by the resize: processes to suspend again after it.
    resumed_processes: frozenset[str] = frozenset()


def _intend(step: StepView, config: Config) -> Intent:
    group = existing_target(config, step)
    with cloud_errors():
        capacity = resized(
            group.capacity,
            _asked(config, step.stage, group.name),
            source=_source_capacity(step, config),
            cluster=_cluster_capacities(step, config, group),
        )
    resumed = group.suspended_processes & SIZING
    resume = [Change("resume", group.name, processes=resumed)] if resumed else []
    return intend_changes(
        step,
        config,
        [*resume, Change("resize", group.name, capacity)],
        context={**names_of(group.name), "capacity": capacity.as_json(), "resumedProcesses": sorted(resumed)},
        outputs={f"originalCapacity.{group.name}": group.capacity.as_json()},
    )


def _suspend_again(step: StepView, config: Config) -> Intent:
    name = target_name(config, step.stage)
    return intend_changes(step, config, [Change("suspend", name, processes=config.resumed_processes)])


def _asked(config: Config, stage: StageView, name: str) -> Resize:
    original = stage.lookup(f"originalCapacity.{name}", {}) if config.unpin_minimum_capacity else {}
    return Resize(
        config.action,
        config.capacity.min,
        config.capacity.desired,
        config.capacity.max,
        config.scale_pct,
        config.scale_num,
        config.pin_capacity,
        config.pin_minimum_capacity,
        original.get("min"),
    )


def _source_capacity(step: StepView, config: Config) -> Capacity | None:
    name = config.source.server_group_name or config.source.asg_name
    if config.action is not Action.SCALE_TO_SERVER_GROUP or not name:
        return None
    return queries.live_server_group(step.stage.actor, config.account_name, config.region_names[0], name).capacity


def _cluster_capacities(step: StepView, config: Config, group: ServerGroup) -> list[Capacity]:
    if config.action is not Action.SCALE_TO_CLUSTER:
        return []
    cluster = queries.cluster_of(group.name)
    return [other.capacity for other in queries.live_cluster(step.stage.actor, group.account, group.region, cluster)]


def _wait(step: StepView, config: Config) -> Outcome:
    """As many instances as asked; healthy ones too, unless the server group takes no traffic."""
    group = existing_target(config, step)
    desired = group.capacity.desired
    if len(group.instances) != desired:
        counts = f"{len(group.instances)} instances to become {desired}"
        return Running(f"{group.name} to go from {counts}", again_in=pace.again_for_health(step))
    if group.is_disabled or desired == 0:
        return Succeeded(note=f"{group.name} has {desired} instances")
    return health.wait_for_up(step, config, group.name)


class ResizeServerGroup(TargetStage):
    key: ClassVar[str] = "resizeServerGroup"
    label: ClassVar[str] = "Resize server group"
    Config = Config

    def work(self, config: Any) -> tuple[StepSpec, ...]:
        return (
            change_effect("resizeServerGroup", _intend),
            Observe("waitForCapacityMatch", _wait, pace.HEALTH_WAIT),
            *([change_effect("suspendScalingProcesses", _suspend_again)] if config.resumed_processes else []),
        )
