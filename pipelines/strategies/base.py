"""What a strategy is asked: which children follow a deployment that went well, and which one that failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from pipelines.core.plan import Child, Json


@dataclass(frozen=True, slots=True)
class Deployment:
    """One new server group. `source` and `server_group` are "" where there is none (yet).

    `place` are the fields by which a child finds the cluster: credentials, cluster, moniker, cloudProvider, health.
    """

    region: str
    cluster: str
    server_group: str = ""
    source: str = ""
    place: Json = field(default_factory=dict)

    @property
    def cleanup(self) -> Json:
        return self.place | {"regions": [self.region]}


class Strategy(Protocol):
    """`options` are the fields of the deployment's JSON, of the strategy's own Options type where it has one."""

    label: str

    def after(self, deployment: Deployment, options: Any) -> list[Child]:
        """Children to run, one after the other, once the new server group is healthy."""

    def on_failure(self, deployment: Deployment, options: Any, failed_step: str) -> list[Child]:
        """Children to run when a step (or, with "", a child) of the deployment has failed."""


class BaseStrategy:
    """Leaves everything as it is."""

    def after(self, deployment: Deployment, options: Any) -> list[Child]:
        return []

    def on_failure(self, deployment: Deployment, options: Any, failed_step: str) -> list[Child]:
        return []
