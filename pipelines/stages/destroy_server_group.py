"""Disables a server group, then ends it and its instances for good."""

from __future__ import annotations

from typing import Any, ClassVar

from clusters import queries
from clusters.providers.base import NotFound
from pipelines.core.plan import Child, Intent, Observe, Outcome, Running, StageView, StepSpec, StepView, Succeeded
from pipelines.stages.base import cloud_errors
from pipelines.stages.parts import pace
from pipelines.stages.parts.changes import Change, change_effect, intend_changes
from pipelines.stages.parts.target import TargetConfig, TargetStage, names_of, target_name


class Config(TargetConfig):
    skip_disable_before_destroy: bool = False


def _intend(step: StepView, config: Config) -> Intent:
    name = target_name(config, step.stage)
    return intend_changes(step, config, [Change("destroy", name)], context=names_of(name))


def _wait(step: StepView, config: Config) -> Outcome:
    name = target_name(config, step.stage)
    with cloud_errors():
        try:
            group = queries.live_server_group(step.stage.actor, config.account_name, config.region_names[0], name)
        except NotFound:
            return Succeeded(note=f"{name} is gone")
    left = f"{name} and its {len(group.instances)} instances" if group.instances else name
    return Running(f"{left} to go", again_in=pace.again_in(step))


class DestroyServerGroup(TargetStage):
    key: ClassVar[str] = "destroyServerGroup"
    label: ClassVar[str] = "Destroy server group"
    Config = Config

    def first(self, config: Any, stage: StageView) -> list[Child]:
        if config.skip_disable_before_destroy:
            return []
        place = config.place | {"region": config.region_names[0], **names_of(target_name(config, stage))}
        return [Child("disableServerGroup", "Disable server group", place)]

    def work(self, config: Any) -> tuple[StepSpec, ...]:
        return (
            change_effect("destroyServerGroup", _intend),
            Observe("waitForDestroyedServerGroup", _wait, pace.CLUSTER_WAIT, is_timeout_overridable=False),
        )
