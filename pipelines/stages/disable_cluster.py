"""Takes all server groups of a cluster out of traffic but the newest (or largest) few."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from pydantic import Field

from clusters.core import selection
from clusters.core.values import Health, ServerGroup
from pipelines.stages.parts.changes import takes_traffic
from pipelines.stages.parts.cluster_wide import ClusterWideConfig, ClusterWideStage


class Config(ClusterWideConfig):
    #: How many server groups go on taking traffic.
    remaining_enabled_server_groups: int = Field(default=1, ge=0)
    prefer_larger_over_newer: bool = False


class DisableCluster(ClusterWideStage):
    key: ClassVar[str] = "disableCluster"
    label: ClassVar[str] = "Disable cluster"
    kind: ClassVar[str] = "disable"
    wait_name: ClassVar[str] = "waitForClusterDisable"
    Config = Config

    def selected(self, config: Any, groups: Sequence[ServerGroup], protected: Collection[str]) -> list[str]:
        return selection.to_disable(
            groups,
            protected,
            remaining=config.remaining_enabled_server_groups,
            prefer_larger=config.prefer_larger_over_newer,
        )

    def awaited(self, group: ServerGroup) -> str:
        if not group.is_disabled:
            return f"{group.name} to be reported as disabled"
        if takes_traffic(group, Health.UP, Health.STARTING, Health.DRAINING):
            return f"connections of {group.name} to drain"
        return ""
