"""A stage about all server groups of a cluster but the few to keep, one region at a time.

What earlier stages of this execution have deployed, and whatever is newer, is never touched. Nothing is taken out of
traffic while what they deployed is not healthy.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from clusters import queries
from clusters.core import selection
from clusters.core.values import ServerGroup
from pipelines.core.plan import (
    Child,
    Intent,
    Observe,
    Outcome,
    Running,
    StageView,
    StepFailed,
    StepSpec,
    StepView,
    Succeeded,
    in_sequence,
)
from pipelines.stages.base import BaseStage, cloud_errors, inherited
from pipelines.stages.parts import health, pace
from pipelines.stages.parts.changes import Change, change_effect, intend_changes
from pipelines.stages.parts.place import ClusterConfig

DEPLOYING = ("createServerGroup", "cloneServerGroup")


class ClusterWideConfig(ClusterConfig):
    continue_if_cluster_not_found: bool = False
    cluster: str = Field(default="", validate_default=True)

    @field_validator("cluster")
    @classmethod
    def _some_cluster(cls, cluster: str, info: ValidationInfo) -> str:
        if not cluster and not info.data["moniker"].cluster:
            raise ValueError("name a cluster")
        return cluster

    @property
    def is_fine_without_cluster(self) -> bool:
        return self.continue_if_cluster_not_found


class ClusterWideStage(BaseStage):
    """Subclasses say which server groups are meant, what happens to them and when that is done."""

    Config = ClusterWideConfig
    kind: ClassVar[str]
    wait_name: ClassVar[str]

    def selected(self, config: Any, groups: Sequence[ServerGroup], protected: Collection[str]) -> list[str]:
        raise NotImplementedError

    def changes(self, group: ServerGroup) -> list[Change]:
        """What is done to one that is selected."""
        return [Change(self.kind, group.name)]

    def awaited(self, group: ServerGroup) -> str:
        """What is still to happen to a server group that was changed; empty when nothing is."""
        raise NotImplementedError

    def first(self, config: Any, stage: StageView) -> list[Child]:
        """Children to run before the work in one region."""
        return []

    def before(self, config: Any, stage: StageView) -> list[Child]:
        if len(config.region_names) == 1:
            return self.first(config, stage)
        fields = inherited(stage.context, "regions")
        return in_sequence(
            [Child(self.key, f"{self.label} in {name}", fields | {"region": name}) for name in config.region_names]
        )

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        if len(config.region_names) > 1:
            return ()
        return (
            change_effect(self.key, self._intend),
            Observe(self.wait_name, self._wait, pace.CLUSTER_WAIT, is_timeout_overridable=False),
        )

    def _intend(self, step: StepView, config: ClusterWideConfig) -> Intent:
        region, cluster = config.region_names[0], config.cluster_name
        with cloud_errors():
            groups = queries.live_cluster(step.stage.actor, config.account_name, region, cluster)
        if not groups and not config.is_fine_without_cluster:
            raise StepFailed(f"There is no cluster {cluster} in {region} of {config.account_name}.", field="cluster")
        protected = deployed(step.stage, config.account_name, region)
        names = self.selected(config, groups, protected)
        by_name = {group.name: group for group in groups}
        if any(selection.is_active(by_name[name]) for name in names):
            for name in protected & by_name.keys():
                health.require_healthy(by_name[name], config, f"Refused to {self.kind} {', '.join(names)}")
        changes = [change for name in names for change in self.changes(by_name[name])]
        return intend_changes(step, config, changes, cluster=cluster)

    def _wait(self, step: StepView, config: ClusterWideConfig) -> Outcome:
        region = config.region_names[0]
        names = step.stage.context.get("deploy.server.groups", {}).get(region, [])
        if not names:
            return Succeeded()
        with cloud_errors():
            there = queries.live_cluster(
                step.stage.actor, config.account_name, region, config.cluster_name, with_destroyed=True
            )
        left = [awaited for group in there if group.name in names and (awaited := self.awaited(group))]
        if not left:
            return Succeeded()
        return Running("; ".join(left), again_in=pace.again_in(step))


def deployed(stage: StageView, account: str, region: str) -> set[str]:
    """Server groups that this execution's earlier stages have created in the account and region."""
    places = [ancestor.context for ancestor in stage.ancestors if ancestor.type_key in DEPLOYING]
    return {
        name
        for place in places
        if place.get("deploy.account.name") == account
        for name in (place.get("deploy.server.groups") or {}).get(region, ())
    }
