"""What Auto Scaling, EC2, target groups and classic load balancers say about an instance, in the contract's words."""

from __future__ import annotations

from clusters.core.values import Health, HealthReport
from clusters.providers.aws.client import Json

PLATFORM, LOAD_BALANCER = "Platform", "LoadBalancer"

_TARGETS = {
    "healthy": Health.UP,
    "initial": Health.STARTING,
    "unhealthy": Health.DOWN,
    "unhealthy.draining": Health.DRAINING,
    "draining": Health.DRAINING,
    "unused": Health.OUT_OF_SERVICE,
    "unavailable": Health.UNKNOWN,
}


def platform(member: Json, instance: Json | None) -> HealthReport:
    """`member` is what Auto Scaling says, `instance` what EC2 does; None while EC2 does not know it yet."""
    stage, state = str(member.get("LifecycleState", "")), str((instance or {}).get("State", {}).get("Name", "pending"))
    if stage.startswith(("Terminat", "Warmed:Terminat")) or state == "shutting-down":
        return HealthReport(PLATFORM, Health.DRAINING, f"is being ended ({stage or state})")
    if stage.startswith("Pending") or state == "pending":
        return HealthReport(PLATFORM, Health.STARTING, f"is being launched ({stage or state})")
    if state != "running":
        return HealthReport(PLATFORM, Health.DOWN, f"EC2 says {state}")
    if member.get("HealthStatus", "Healthy").lower() != "healthy":
        return HealthReport(PLATFORM, Health.DOWN, "Auto Scaling says Unhealthy")
    if stage != "InService":
        return HealthReport(PLATFORM, Health.OUT_OF_SERVICE, stage)
    return HealthReport(PLATFORM, Health.UP)


def of_target(name: str, told: Json | None) -> HealthReport:
    """`told` is TargetHealth, None when the target group does not have the instance."""
    if told is None:
        return HealthReport(LOAD_BALANCER, Health.OUT_OF_SERVICE, f"not registered with {name}")
    health = _TARGETS.get(told.get("State", ""), Health.UNKNOWN)
    if health is Health.UP:
        return HealthReport(LOAD_BALANCER, health)
    why = told.get("Description") or told.get("Reason") or told.get("State")
    return HealthReport(LOAD_BALANCER, health, f"{name}: {why}")


def of_classic(name: str, told: Json | None) -> HealthReport:
    """`told` is InstanceState, None when the load balancer does not have the instance."""
    if told is None:
        return HealthReport(LOAD_BALANCER, Health.OUT_OF_SERVICE, f"not registered with {name}")
    match told.get("State"), told.get("ReasonCode"):
        case "InService", _:
            return HealthReport(LOAD_BALANCER, Health.UP)
        case "OutOfService", "ELB":
            health = Health.STARTING  # registered, and not checked often enough yet
        case "OutOfService", _:
            health = Health.DOWN
        case _:
            health = Health.UNKNOWN
    return HealthReport(LOAD_BALANCER, health, f"{name}: {told.get('Description') or told.get('State')}")
