"""Resizes all server groups of a cluster to no instances but the newest (or largest) few."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from pydantic import Field

from clusters.core import selection
from clusters.core.values import Capacity, Process, ServerGroup
from pipelines.stages.parts.changes import Change
from pipelines.stages.parts.cluster_wide import ClusterWideConfig, ClusterWideStage


class Config(ClusterWideConfig):
    #: How many server groups keep their size.
    remaining_full_size_server_groups: int = Field(default=1, ge=0)
    prefer_larger_over_newer: bool = False
    #: Also those that take traffic.
    allow_scale_down_active: bool = False


class ScaleDownCluster(ClusterWideStage):
    key: ClassVar[str] = "scaleDownCluster"
    label: ClassVar[str] = "Scale down cluster"
    kind: ClassVar[str] = "resize"
    wait_name: ClassVar[str] = "waitForScaleDownCluster"
    Config = Config

    def selected(self, config: Any, groups: Sequence[ServerGroup], protected: Collection[str]) -> list[str]:
        return selection.to_scale_down(
            groups,
            protected,
            remaining=config.remaining_full_size_server_groups,
            allow_active=config.allow_scale_down_active,
            prefer_larger=config.prefer_larger_over_newer,
        )

    def changes(self, group: ServerGroup) -> list[Change]:
        """A disabled server group ends no instance until it is let."""
        resume = Change("resume", group.name, processes=frozenset({Process.TERMINATE}))
        return [resume, Change("resize", group.name, Capacity(0, 0, 0))]

    def awaited(self, group: ServerGroup) -> str:
        count = len(group.instances)
        return f"{count} instances of {group.name} to end" if count else ""
