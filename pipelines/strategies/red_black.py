"""Disables the other server groups once the new one is healthy, keeping them for a quick way back."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pipelines.core.config import JsonConfig
from pipelines.core.plan import Child, Json, in_sequence
from pipelines.strategies.base import BaseStrategy, Deployment

HALF_AN_HOUR_MS = 30 * 60 * 1000
FIVE_MINUTES_MS = 5 * 60 * 1000


class Rollback(JsonConfig):
    on_failure: bool = False
    #: Destroy the new server group after a failure.
    destroy_latest: bool = False


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
        return in_sequence(
            [
                *_shrink(deployment.cleanup, options),
                *_wait("Wait Before Disable", options.delay_before_cleanup or options.delay_before_disable_sec),
                _disable(deployment.cleanup),
                *_scale_down(deployment.cleanup, options),
            ]
        )

    def on_failure(self, deployment: Deployment, options: Any, failed_step: str) -> list[Child]:
        """Only a new server group that did not become healthy is undone: after a failed clean-up it has the traffic."""
        if not (options.rollback.on_failure and failed_step and deployment.server_group):
            return []
        children = [_roll_back(deployment)]
        if options.rollback.destroy_latest:
            children.append(_destroy(deployment))
        return in_sequence(children)


def _shrink(cleanup: Json, options: Options) -> list[Child]:
    if not options.max_remaining_asgs:
        return []
    wish = {
        "shrinkToSize": options.max_remaining_asgs,
        "allowDeleteActive": options.allow_delete_active,
        "retainLargerOverNewer": False,
    }
    return [Child("shrinkCluster", "shrinkCluster", cleanup | wish)]


def _wait(name: str, seconds: int) -> list[Child]:
    return [Child("wait", name, {"waitTime": seconds})] if seconds else []


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
    wait = _wait("Wait Before Scale Down", options.delay_before_scale_down_sec)
    return [*wait, Child("scaleDownCluster", "scaleDown", cleanup | wish)]


def _roll_back(deployment: Deployment) -> Child:
    """Disables the new server group; the source was never disabled. Server groups disabled by hand stay so."""
    wish = {
        "serverGroup": deployment.server_group,
        "originalServerGroup": deployment.source,
        "stageTimeoutMs": HALF_AN_HOUR_MS,
        "additionalRollbackContext": {"disableOnly": True, "onlyEnabledServerGroups": True},
    }
    return Child("rollbackCluster", f"Rollback {deployment.cluster}", deployment.cleanup | wish)


def _destroy(deployment: Deployment) -> Child:
    wish = {
        "region": deployment.region,
        "serverGroupName": deployment.server_group,
        "stageTimeoutMs": FIVE_MINUTES_MS,
    }
    return Child("destroyServerGroup", f"Destroy {deployment.server_group}", deployment.place | wish)
