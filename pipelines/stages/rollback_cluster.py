"""Puts the previous server group of a cluster back into traffic, one region after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from clusters import queries
from clusters.core.values import ServerGroup
from pipelines.core.plan import Child, Json, Observe, Outcome, StageView, StepSpec, StepView, Succeeded, in_sequence
from pipelines.stages.base import BaseStage, StageConfig, cloud_errors
from pipelines.stages.parts import health, pace
from pipelines.stages.parts.cluster_wide import ClusterWideConfig


class Additional(StageConfig):
    #: Enable the old one and disable the new one, without resizing.
    enable_and_disable_only: bool = False
    #: Only disable the new one.
    disable_only: bool = False
    #: What is disabled was disabled for a reason: never go back to it.
    only_enabled_server_groups: bool = False
    #: Ours: to the original server group or to none.
    only_original: bool = False


class Config(ClusterWideConfig):
    #: The one to take out; without it the newest enabled.
    server_group: str = ""
    #: The one to go back to; without it the one before `server_group`.
    original_server_group: str = ""
    #: Ours: leave things as they are where `server_group` is healthy.
    only_if_unhealthy: bool = False
    #: Percent; without it by size: below 10 instances all, below 20 nine tenths, else 95.
    target_healthy_rollback_percentage: int | None = Field(default=None, ge=0, le=100)
    #: Seconds.
    wait_time_between_regions: int = Field(default=0, ge=0)
    additional_rollback_context: Additional = Additional()


def _determine(step: StepView, config: Config) -> Outcome:
    types: Json = {}
    contexts: Json = {}
    skipped, kept = [], []
    for region in config.region_names:
        with cloud_errors():
            groups = queries.live_cluster(step.stage.actor, config.account_name, region, config.cluster_name)
        pair = _candidates(config, groups)
        if pair and config.only_if_unhealthy and health.is_healthy(pair[0], config):
            kept.append(pair[0].name)
        elif pair:
            types[region] = "EXPLICIT"
            contexts[region] = _context(config, *pair)
        else:
            skipped.append(region)
    told = [f"Nothing to go back to in {', '.join(skipped)}"] if skipped else []
    told += [f"{name} is healthy and goes on taking traffic" for name in kept]
    note = "; ".join(told)
    outputs = {"rollbackTypes": types, "rollbackContexts": contexts}
    return Succeeded({"imagesToRestore": []}, outputs, note)


def _candidates(config: Config, groups: Sequence[ServerGroup]) -> tuple[ServerGroup, ServerGroup] | None:
    """The server group to take out and the one to go back to; `groups` come newest first."""
    enabled = [group for group in groups if not group.is_disabled]
    if len(groups) < 2 or not enabled:
        return None
    new = next((group for group in groups if group.name == config.server_group), enabled[0])
    possible = enabled if config.additional_rollback_context.only_enabled_server_groups else groups
    older = [group for group in possible if group.created_at < new.created_at]
    named = [group for group in older if group.name == config.original_server_group]
    old = next(iter(named if config.additional_rollback_context.only_original else named or older), None)
    return (new, old) if old else None


def _context(config: Config, new: ServerGroup, old: ServerGroup) -> Json:
    percentage = config.target_healthy_rollback_percentage
    return {
        "rollbackServerGroupName": new.name,
        "restoreServerGroupName": old.name,
        "targetHealthyRollbackPercentage": _default_percentage(new) if percentage is None else percentage,
        **config.additional_rollback_context.model_dump(by_alias=True, exclude_unset=True),
    }


def _default_percentage(group: ServerGroup) -> int:
    if group.capacity.desired < 10:
        return 100
    return 90 if group.capacity.desired < 20 else 95


class RollbackCluster(BaseStage):
    key: ClassVar[str] = "rollbackCluster"
    label: ClassVar[str] = "Rollback cluster"
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (Observe("determineRollbackCandidates", _determine, pace.DETERMINE, is_timeout_overridable=False),)

    def after(self, config: Any, stage: StageView) -> list[Child]:
        contexts = stage.outputs.get("rollbackContexts") or {}
        children: list[Child] = []
        for region in (region for region in config.region_names if region in contexts):
            if children and config.wait_time_between_regions:
                before = children[-1].context["region"]
                wait = {"waitTime": config.wait_time_between_regions}
                children.append(Child("wait", f"Wait after {before}", wait))
            context = config.place | {
                "region": region,
                "rollbackType": stage.outputs["rollbackTypes"][region],
                "rollbackContext": contexts[region],
            }
            children.append(Child("rollbackServerGroup", f"Rollback {region}", context))
        return in_sequence(children)
