"""What stages about scaling share: only clouds that scale, and an effect of one call that can be found again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import field_validator

from clusters.operations import scaling, server_groups
from pipelines.core.plan import ABSENT, Absent, Effect, Intent, Json, Outcome, StepView, Succeeded
from pipelines.stages.base import cloud_errors
from pipelines.stages.parts import pace
from pipelines.stages.parts.target import TargetConfig, names_of


class ScalingConfig(TargetConfig):
    @field_validator("cloud_provider", "cloud_provider_type")
    @classmethod
    def _scales(cls, key: str) -> str:
        if key and (label := scaling.label_without_scaling(key)):
            raise ValueError(f"{label} has no scaling policies and scheduled actions")
        return key


def step_lock(request: Json) -> str:
    return server_groups.cluster_key(request["account"], request["region"], request["cluster"])


def scaling_effect(name: str, intend: Callable[[StepView, Any], Intent], told: Callable[[Json], Json]) -> Effect:
    """`told(request)` is what the stage's context learns by it."""

    def done(intent: Intent) -> Succeeded:
        request = intent.request
        context = {
            "notification.type": name.lower(),
            "deploy.account.name": request["account"],
            "deploy.server.groups": {request["region"]: [request["name"]]},
            **names_of(request["name"]),
        }
        return Succeeded(context | told(request), note=f"Done: {intent.summary}")

    def perform(intent: Intent, step: StepView) -> Outcome:
        with cloud_errors("It may be done in part; the same again is harmless."):
            scaling.change(step.stage.actor, intent.request)
        return done(intent)

    def find(intent: Intent, step: StepView) -> Outcome | Absent:
        with cloud_errors():
            is_done = scaling.is_done(intent.request)
        return done(intent) if is_done else ABSENT

    return Effect(name, intend, perform, find, timeout_seconds=pace.CLOUD_CALL, is_rehearsable=True)
