"""How often a step looks, and how long at most. Seconds; the limits are Orca's."""

from __future__ import annotations

from pipelines.core.plan import StepView

MINUTE = 60.0
HOUR = 60 * MINUTE

CLOUD_CALL = 90.0
CREATE_CALL = MINUTE
DETERMINE = 5 * MINUTE
FIND_IMAGE = 10 * MINUTE
START_BAKE = 5 * MINUTE
BAKE = HOUR
CLUSTER_WAIT = 30 * MINUTE
HEALTH_WAIT = 2 * HOUR
PRECONDITION = 30.0
INVISIBLE = 10 * MINUTE
SCALING_WAIT = 20 * MINUTE
MONITOR_WAIT = 12 * HOUR

#: Between looks at something whose end wakes the step anyhow.
MONITOR_PAUSE = 15.0

FASTEST = 0.5
SLOWEST = 10.0


def waited(step: StepView) -> float:
    return (step.now - step.started_at).total_seconds()


def again_in(step: StepView, slowest: float = SLOWEST) -> float:
    """A fifth of the time waited so far: quick where things are quick, sparing where they are not."""
    return min(max(waited(step) / 5, FASTEST), slowest)


def again_for_health(step: StepView) -> float:
    """As `again_in`, then once a minute after half an hour and every two minutes after an hour."""
    if waited(step) > HOUR:
        return 2 * MINUTE
    return MINUTE if waited(step) > 30 * MINUTE else again_in(step)
