"""Moves traffic in steps: the new server group grows by a share, then as large a share of the old one is taken out."""

from __future__ import annotations

from typing import Any

from pydantic import field_validator

from clusters.core.values import Capacity
from pipelines.core.config import JsonConfig
from pipelines.core.plan import Child, Json, in_sequence
from pipelines.strategies import red_black
from pipelines.strategies.base import BaseStrategy, Deployment, destroy, go_back, wait, watched


class Validation(JsonConfig):
    """A pipeline that judges each step before the old server group gives way."""

    application: str = ""
    pipeline_id: str = ""
    pipeline_parameters: dict[str, Any] = {}


class Options(red_black.Options):
    #: Percent of the capacity asked for, step by step; 100 follows by itself.
    target_percentages: tuple[int, ...] = ()
    pipeline_before_cleanup: Validation = Validation()

    @field_validator("target_percentages")
    @classmethod
    def _rising(cls, percentages: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 0 < percentage <= 100 for percentage in percentages):
            raise ValueError("each is a percentage between 1 and 100")
        if list(percentages) != sorted(set(percentages)):
            raise ValueError("each is more than the one before")
        return percentages

    @property
    def steps(self) -> tuple[int, ...]:
        return self.target_percentages if 100 in self.target_percentages else (*self.target_percentages, 100)


class RollingRedBlack(BaseStrategy):
    label = "Rolling red/black"

    def initial(self, wish: Capacity) -> Capacity:
        return Capacity(0, 0, 0)

    def after(self, deployment: Deployment, options: Any) -> list[Child]:
        if not deployment.source:
            return in_sequence([_grow(deployment, percentage) for percentage in options.steps])
        steps = [child for percentage in options.steps for child in _step(deployment, options, percentage)]
        end = _scale_down(deployment, options) if options.scale_down else [_unpin(deployment)]
        return watched(deployment, [_pin(deployment), *steps, *end])

    def on_failure(self, deployment: Deployment, options: Any, failed_step: str) -> list[Child]:
        """Traffic is shared while it lasts, so whatever fails is undone, unless that is declined."""
        if not deployment.server_group or options.rollback.on_failure is False:
            return []
        children = []
        if deployment.source:
            children.append(go_back(deployment, only_if_unhealthy=False))
            if deployment.source_minimum is not None:
                children.append(_let_go(deployment, deployment.source_minimum))
        if options.rollback.destroy_latest:
            children.append(destroy(deployment))
        return in_sequence(children)


def _step(deployment: Deployment, options: Options, percentage: int) -> list[Child]:
    return [
        _grow(deployment, percentage),
        *wait("Wait Before Disable", options.delay_before_cleanup or options.delay_before_disable_sec),
        *_validate(deployment, options.pipeline_before_cleanup, percentage),
        _disable(deployment, percentage),
    ]


def _pin(deployment: Deployment) -> Child:
    """Nothing shrinks the source while its traffic moves away."""
    source = {"serverGroupName": deployment.source}
    wish = {"action": "scale_to_server_group", "source": source, "pinMinimumCapacity": True}
    return Child("resizeServerGroup", f"Pin {deployment.source}", deployment.about(deployment.source) | wish)


def _unpin(deployment: Deployment) -> Child:
    source = {"serverGroupName": deployment.source}
    wish = {"action": "scale_to_server_group", "source": source, "unpinMinimumCapacity": True}
    return Child("resizeServerGroup", f"Unpin {deployment.source}", deployment.about(deployment.source) | wish)


def _let_go(deployment: Deployment, minimum: int) -> Child:
    """The same after a failure, from where what was noted at the pinning cannot be looked up any more."""
    wish = {"action": "scale_exact", "capacity": {"min": minimum}}
    return Child("resizeServerGroup", f"Unpin {deployment.source}", deployment.about(deployment.source) | wish)


def _grow(deployment: Deployment, percentage: int) -> Child:
    """To a share of what was asked for, which is the source's size where that was asked; held there until the end."""
    wish: Json = {
        "action": "scale_exact",
        "capacity": deployment.wish,
        "scalePct": percentage,
        "pinCapacity": percentage < 100,
    }
    about = deployment.about(deployment.server_group)
    return Child("resizeServerGroup", f"Grow to {percentage}% of Desired Size", about | wish)


def _validate(deployment: Deployment, validation: Validation, percentage: int) -> list[Child]:
    if not validation.pipeline_id:
        return []
    facts = {
        "deployedServerGroup": deployment.server_group,
        "sourceServerGroup": deployment.source,
        "percentageComplete": percentage,
    }
    context = {
        "application": validation.application,
        "pipeline": validation.pipeline_id,
        "pipelineParameters": validation.pipeline_parameters | facts,
        "waitForCompletion": True,
    }
    return [Child("pipeline", "Run Validation Pipeline", context)]


def _disable(deployment: Deployment, percentage: int) -> Child:
    wish = {"desiredPercentage": percentage, "replacedBy": deployment.server_group}
    about = deployment.about(deployment.source)
    return Child("disableServerGroup", f"Disable {percentage}% of Desired Size", about | wish)


def _scale_down(deployment: Deployment, options: Options) -> list[Child]:
    none = {"action": "scale_exact", "capacity": {"min": 0, "desired": 0, "max": 0}}
    return [
        *wait("Wait Before Scale Down", options.delay_before_scale_down_sec),
        Child("resizeServerGroup", f"Scale down {deployment.source}", deployment.about(deployment.source) | none),
    ]
