"""Disables the other server groups once the new one is healthy, keeping them for a quick way back."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pipelines.core.config import JsonConfig
from pipelines.core.plan import Child, Json, in_sequence
from pipelines.strategies.base import (
    HALF_AN_HOUR_MS,
    BaseStrategy,
    Deployment,
    Rollback,
    destroy,
    go_back,
    wait,
    watched,
)


class Options(JsonConfig):
    #: How many server groups remain, the new one included; none: all.
    max_remaining_asgs: int | None = Field(default=None, ge=0)
    allow_delete_active: bool = False
    #: Resize the disabled server groups to no instances.
    scale_down: bool = False
    allow_scale_down_active: bool = False
    #: Seconds; `delayBeforeCleanup` is the newer name and wins.
    delay_before_disable_sec: int = Field(default=0, ge=0)
    delay_before_cleanup: int = Field(default=0, ge=0)
    delay_before_scale_down_sec: int = Field(default=0, ge=0)
    rollback: Rollback = Rollback()


class RedBlack(BaseStrategy):
    label = "Red/black"

    def after(self, deployment: Deployment, options: Any) -> list[Child]:
        """Shrink first, disable after: Orca's order."""
        if not deployment.source:
            return []
        delay = options.delay_before_cleanup or options.delay_before_disable_sec
        children = [
            *_shrink(deployment.cleanup, options),
            *wait("Wait Before Disable", delay),
            _disable(deployment.cleanup),
            *_scale_down(deployment.cleanup, options),
        ]
        return watched(deployment, children)

    def on_failure(self, deployment: Deployment, options: Any, failed_step: str) -> list[Child]:
        """One that did not become healthy is undone where that is asked. After a failed clean-up it has the traffic: it
        is undone only where it has gone bad, and kept to be looked at."""
        rollback = options.rollback
        if not deployment.server_group or rollback.on_failure is False:
            return []
        if not failed_step:
            return [go_back(deployment, only_if_unhealthy=True)] if deployment.source else []
        if not rollback.on_failure:
            return []
        return in_sequence([_take_out(deployment), *([destroy(deployment)] if rollback.destroy_latest else [])])


def _shrink(cleanup: Json, options: Options) -> list[Child]:
    if not options.max_remaining_asgs:
        return []
    wish = {
        "shrinkToSize": options.max_remaining_asgs,
        "allowDeleteActive": options.allow_delete_active,
        "retainLargerOverNewer": False,
    }
    return [Child("shrinkCluster", "shrinkCluster", cleanup | wish)]


def _disable(cleanup: Json) -> Child:
    wish = {"remainingEnabledServerGroups": 1, "preferLargerOverNewer": False}
    return Child("disableCluster", "disableCluster", cleanup | wish)


def _scale_down(cleanup: Json, options: Options) -> list[Child]:
    if not options.scale_down:
        return []
    wish = {
        "remainingFullSizeServerGroups": 1,
        "allowScaleDownActive": options.allow_scale_down_active,
        "preferLargerOverNewer": False,
    }
    pause = wait("Wait Before Scale Down", options.delay_before_scale_down_sec)
    return [*pause, Child("scaleDownCluster", "scaleDown", cleanup | wish)]


def _take_out(deployment: Deployment) -> Child:
    """Disables the new server group; the source was never disabled. Server groups disabled by hand stay so."""
    wish = {
        "serverGroup": deployment.server_group,
        "originalServerGroup": deployment.source,
        "stageTimeoutMs": HALF_AN_HOUR_MS,
        "additionalRollbackContext": {"disableOnly": True, "onlyEnabledServerGroups": True},
    }
    return Child("rollbackCluster", f"Rollback {deployment.cluster}", deployment.cleanup | wish)
