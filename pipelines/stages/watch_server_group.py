"""Looks after a new server group while a strategy moves traffic to it, and fails when it goes bad."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pipelines.core.plan import Observe, Outcome, Running, StepFailed, StepSpec, StepView
from pipelines.stages.base import BaseStage
from pipelines.stages.parts import health, pace
from pipelines.stages.parts.place import ClusterConfig, server_group_or_none

#: Seconds for which fewer instances than before may be healthy: one that died is replaced meanwhile.
PATIENCE = 10.0
#: Seconds between two looks at one that is ill, and at most at one that is well.
QUICK, SLOW = 0.5, 5.0


class Config(ClusterConfig):
    server_group_name: str
    #: Written: how many instances were healthy at best, and since when fewer are (ISO 8601).
    healthiest: int = 0
    ill_since: str = ""


def _watch(step: StepView, config: Config) -> Outcome:
    """It is ill while fewer are healthy than were before, as far as so many are still needed."""
    name, sources = config.server_group_name, config.interesting_health_provider_names
    group = server_group_or_none(step.stage.actor, config.account_name, config.region_names[0], name)
    if group is None:
        raise StepFailed(f"{name} was destroyed while it took over.")
    up = health.count_up(group, sources)
    wanted = min(config.healthiest, health.needed(group.capacity.desired, config.target_healthy_deploy_percentage))
    seen = {"healthiest": max(up, config.healthiest), "illSince": ""}
    if up >= wanted:
        again = pace.again_in(step, slowest=SLOW)
        return Running(f"the strategy to end; {up} instances of {name} are healthy", again_in=again, context=seen)
    since = config.ill_since or step.now.isoformat()
    why = health.unhealthy(group, sources)
    told = f"{name} went bad: {up} of {wanted} instances are healthy{': ' if why else ''}{why}"
    if (step.now - datetime.fromisoformat(since)).total_seconds() >= PATIENCE:
        raise StepFailed(f"{told}.")
    return Running(f"{told}; it has {PATIENCE:g} s to recover", again_in=QUICK, context=seen | {"illSince": since})


class WatchServerGroup(BaseStage):
    key: ClassVar[str] = "watchServerGroup"
    label: ClassVar[str] = "Watch server group"
    is_companion: ClassVar[bool] = True
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (Observe("watchServerGroup", _watch, is_timeout_overridable=False),)
