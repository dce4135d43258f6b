"""Destroys all server groups of a cluster but the newest (or largest) few."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from pydantic import Field

from clusters.core import selection
from clusters.core.values import ServerGroup
from pipelines.core.plan import Child, StageView
from pipelines.stages.base import inherited
from pipelines.stages.parts.cluster_wide import ClusterWideConfig, ClusterWideStage


class Config(ClusterWideConfig):
    #: How many server groups remain.
    shrink_to_size: int = Field(default=1, ge=0)
    #: Also those that take traffic.
    allow_delete_active: bool = False
    retain_larger_over_newer: bool = False

    @property
    def is_fine_without_cluster(self) -> bool:
        return self.continue_if_cluster_not_found or self.shrink_to_size == 0


class ShrinkCluster(ClusterWideStage):
    key: ClassVar[str] = "shrinkCluster"
    label: ClassVar[str] = "Shrink cluster"
    kind: ClassVar[str] = "destroy"
    wait_name: ClassVar[str] = "waitForClusterShrink"
    Config = Config

    def first(self, config: Any, stage: StageView) -> list[Child]:
        """What takes traffic is disabled before it is destroyed."""
        if not config.allow_delete_active:
            return []
        wish = {
            "remainingEnabledServerGroups": config.shrink_to_size,
            "preferLargerOverNewer": config.retain_larger_over_newer,
            "continueIfClusterNotFound": config.is_fine_without_cluster,
        }
        return [Child("disableCluster", "disableCluster", inherited(stage.context) | wish)]

    def selected(self, config: Any, groups: Sequence[ServerGroup], protected: Collection[str]) -> list[str]:
        return selection.to_shrink(
            groups,
            protected,
            shrink_to=config.shrink_to_size,
            allow_delete_active=config.allow_delete_active,
            retain_larger=config.retain_larger_over_newer,
        )

    def awaited(self, group: ServerGroup) -> str:
        return f"{group.name} to go"
