"""What a strategy is asked, and what all of them share: watching the new server group, and the way back from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from clusters.core.values import Capacity
from pipelines.core.config import JsonConfig
from pipelines.core.plan import Child, Json, StageView, in_sequence

HALF_AN_HOUR_MS = 30 * 60 * 1000
FIVE_MINUTES_MS = 5 * 60 * 1000


class Rollback(JsonConfig):
    #: true: also when the new server group never became healthy; false: never. Unsaid: when it goes bad afterwards.
    on_failure: bool | None = None
    #: Destroy the new server group once it is rolled back.
    destroy_latest: bool = False


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
    #: The capacity asked for, where the strategy has begun with another.
    wish: Json = field(default_factory=dict)
    #: The source's minimum before the strategy held it up.
    source_minimum: int | None = None
    #: Made like another one, which gives what is not said.
    is_clone: bool = False

    @property
    def cleanup(self) -> Json:
        return self.place | {"regions": [self.region]}

    def about(self, name: str) -> Json:
        """The fields of a child about one server group."""
        return self.place | {"region": self.region, "serverGroupName": name, "asgName": name}


class Strategy(Protocol):
    """`options` are the fields of the deployment's JSON, of the strategy's own Options type where it has one."""

    label: str

    def instead(self, deployment: Deployment, options: Any, stage: StageView, image_id: str) -> list[Child]:
        """Children that do everything, in place of making a server group here; none where the stage does it itself.

        The cluster is claimed until they have ended. `image_id` is what it would launch, where that is known without
        asking the cloud.
        """

    def initial(self, wish: Capacity) -> Capacity:
        """With which capacity the new server group begins."""

    def after(self, deployment: Deployment, options: Any) -> list[Child]:
        """Children to run, one after the other, once the new server group is healthy."""

    def on_failure(self, deployment: Deployment, options: Any, failed_step: str) -> list[Child]:
        """Children to run when a step (or, with "", a child) of the deployment has failed."""


class BaseStrategy:
    """Leaves everything as it is."""

    def instead(self, deployment: Deployment, options: Any, stage: StageView, image_id: str) -> list[Child]:
        return []

    def initial(self, wish: Capacity) -> Capacity:
        return wish

    def after(self, deployment: Deployment, options: Any) -> list[Child]:
        return []

    def on_failure(self, deployment: Deployment, options: Any, failed_step: str) -> list[Child]:
        return []


def watched(deployment: Deployment, children: list[Child]) -> list[Child]:
    """The children one after the other, with somebody beside them who looks after the new server group."""
    if not children:
        return []
    watch = Child("watchServerGroup", f"Watch {deployment.server_group}", deployment.about(deployment.server_group))
    return [*in_sequence(children), watch]


def wait(name: str, seconds: int) -> list[Child]:
    return [Child("wait", name, {"waitTime": seconds})] if seconds else []


def go_back(deployment: Deployment, *, only_if_unhealthy: bool) -> Child:
    """Source back into traffic at its full size, then the new one out; to no other server group than the source."""
    wish = {
        "serverGroup": deployment.server_group,
        "originalServerGroup": deployment.source,
        "onlyIfUnhealthy": only_if_unhealthy,
        "stageTimeoutMs": HALF_AN_HOUR_MS,
        "additionalRollbackContext": {"onlyOriginal": True},
    }
    return Child("rollbackCluster", f"Rollback {deployment.cluster}", deployment.cleanup | wish)


def destroy(deployment: Deployment) -> Child:
    wish = {
        "region": deployment.region,
        "serverGroupName": deployment.server_group,
        "stageTimeoutMs": FIVE_MINUTES_MS,
    }
    return Child("destroyServerGroup", f"Destroy {deployment.server_group}", deployment.place | wish)
