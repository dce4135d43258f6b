"""Which instances count as up, how many of them are needed, and waiting until they are."""

from __future__ import annotations

import math
from collections import Counter

from clusters.core.values import Health, Instance, Process, ServerGroup, sum_up
from pipelines.core.plan import Json, Outcome, Running, StepFailed, StepView, Succeeded
from pipelines.stages.parts import pace
from pipelines.stages.parts.place import ClusterConfig, server_group_or_none

PLATFORM = "Platform"
#: Spinnaker's pipelines name the platform by the cloud.
ALIASES = {"Amazon": PLATFORM, "Local": PLATFORM}

#: The names of Orca's capacity check.
CHECKED = {
    "up": Health.UP,
    "down": Health.DOWN,
    "outOfService": Health.OUT_OF_SERVICE,
    "starting": Health.STARTING,
    "unknown": Health.UNKNOWN,
}

#: A cloud that has just made a group may say for a while that it is to have no instances.
TRIES_TO_BELIEVE_ZERO = 12


def healths(group: ServerGroup, names: tuple[str, ...] | None = None) -> list[tuple[Instance, Health]]:
    """Each instance with its health by the sources that count: those named, or all.

    Traffic says nothing about a group kept out of its load balancers, so there only the platform counts. Where the
    platform alone is asked, everything that is not Down is up.
    """
    if Process.ADD_TO_LOAD_BALANCER in group.suspended_processes:
        names = (PLATFORM,)
    if names is None:
        return [(instance, instance.health) for instance in group.instances]
    if not names:
        return [(instance, Health.UP) for instance in group.instances]
    sources = {ALIASES.get(name, name) for name in names}
    return [(instance, _health_by(instance, sources)) for instance in group.instances]


def _health_by(instance: Instance, sources: set[str]) -> Health:
    health = sum_up(tuple(report for report in instance.reports if report.source in sources))
    if sources == {PLATFORM}:
        return Health.DOWN if health is Health.DOWN else Health.UP
    return health


def count_up(group: ServerGroup, names: tuple[str, ...] | None = None) -> int:
    return sum(health is Health.UP for _, health in healths(group, names))


def needed(desired: int, percentage: float) -> int:
    """Percent of `desired`, rounded, but at least one of any."""
    if desired <= 0 or percentage <= 0:
        return 0
    return max(1, math.floor(desired * percentage / 100 + 0.5))


def require_healthy(group: ServerGroup, config: ClusterConfig, refused: str) -> None:
    """Raises StepFailed unless `group` can carry the traffic; `refused` says what is therefore not done."""
    up = count_up(group, config.interesting_health_provider_names)
    wanted = needed(group.capacity.desired, config.target_healthy_deploy_percentage)
    if up < wanted or group.is_disabled:
        state = "is disabled" if group.is_disabled else f"has {up} healthy instances of {wanted}"
        raise StepFailed(f"{refused}: {group.name} {state}. Nothing was changed.")


def is_healthy(group: ServerGroup, config: ClusterConfig) -> bool:
    """Whether as many instances are up as `config` asks for."""
    wanted = needed(group.capacity.desired, config.target_healthy_deploy_percentage)
    return count_up(group, config.interesting_health_provider_names) >= wanted


def capacity_check(group: ServerGroup, names: tuple[str, ...] | None) -> Json:
    counts = Counter(health for _, health in healths(group, names))
    return {word: counts[health] for word, health in CHECKED.items()} | {"succeeded": 0, "failed": 0}


def unhealthy(group: ServerGroup, names: tuple[str, ...] | None) -> str:
    """The first three instances that are not up, each with the reason its source gives."""
    told = []
    for instance, health in healths(group, names):
        if health is not Health.UP:
            reasons = (report.reason for report in instance.reports if report.health is health and report.reason)
            told.append(f"{instance.id} {next(reasons, health.value)}")
    return ", ".join(told[:3]) + (", …" if len(told) > 3 else "")


def wait_for_up(step: StepView, config: ClusterConfig, name: str) -> Outcome:
    """Until enough instances of `name` are up. Writes capacitySnapshot, lastCapacityCheck and the sizes compared."""
    group = server_group_or_none(step.stage.actor, config.account_name, config.region_names[0], name)
    if group is None:
        if pace.waited(step) > pace.INVISIBLE:
            raise StepFailed(f"{name} was not to be seen for 10 minutes; it may exist.")
        return Running(f"{name} to appear", again_in=pace.again_in(step))
    target = _target(step, group)
    wanted = needed(target, config.target_healthy_deploy_percentage)
    seen = _seen(step, group, config, wanted)
    up = count_up(group, config.interesting_health_provider_names)
    is_believed = target > 0 or seen["capacitySnapshot"]["desiredCapacity"] == 0 or step.tries >= TRIES_TO_BELIEVE_ZERO
    if up >= wanted and len(group.instances) >= wanted and is_believed:
        return Succeeded(context=seen, note=f"{up} of {target} instances of {name} are healthy")
    return Running(_missing(group, config, up, wanted), again_in=pace.again_for_health(step), context=seen)


def _target(step: StepView, group: ServerGroup) -> int:
    """The configured size where it is pinned (min = desired = max): the cloud may still report an older one."""
    configured = step.stage.context.get("capacity") or {}
    sizes = {configured.get(part) for part in ("min", "desired", "max")}
    return int(configured["desired"]) if len(sizes) == 1 and None not in sizes else group.capacity.desired


def _seen(step: StepView, group: ServerGroup, config: ClusterConfig, wanted: int) -> Json:
    return {
        "capacitySnapshot": step.stage.context.get("capacitySnapshot") or snapshot(group),
        "lastCapacityCheck": capacity_check(group, config.interesting_health_provider_names),
        "targetDesiredSize": wanted,
        "currentInstanceCount": len(group.instances),
    }


def snapshot(group: ServerGroup) -> Json:
    capacity = group.capacity
    return {"minSize": capacity.min, "desiredCapacity": capacity.desired, "maxSize": capacity.max}


def _missing(group: ServerGroup, config: ClusterConfig, up: int, wanted: int) -> str:
    names = config.interesting_health_provider_names
    more = max(wanted - up, 0)
    why = unhealthy(group, names)
    counts = f" by {' and '.join(names)}" if names else ""
    instances = "1 more instance" if more == 1 else f"{more} more instances"
    return f"{instances} of {group.name} to become healthy ({up} of {wanted} up{counts}{': ' if why else ''}{why})"
