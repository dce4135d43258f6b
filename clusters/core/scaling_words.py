"""Scaling policies, alarms and scheduled actions as sentences without a subject, for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from clusters.core.scaling import Alarm, Json, PolicyKind, ScalingPolicy, ScheduledAction

_COMPARISONS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": ">=",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "<=",
}


def policy_words(policy: ScalingPolicy) -> list[str]:
    """Sentences without a subject: what the policy does, then each of its alarms."""
    words: dict[PolicyKind, Callable[[Json], Iterator[str]]] = {
        PolicyKind.SIMPLE: _simple_words,
        PolicyKind.STEP: _step_words,
        PolicyKind.TARGET: _target_words,
        PolicyKind.PREDICTIVE: lambda _: iter(["predicts its load from the past"]),
    }
    is_off = ["is switched off"] if policy.settings.get("enabled") is False else []
    return [*is_off, *words[policy.kind](policy.settings), *map(alarm_words, policy.alarms)]


def _simple_words(settings: Json) -> Iterator[str]:
    yield _adjusts(settings, settings.get("scalingAdjustment", 0))
    if (cooldown := settings.get("cooldown")) is not None:
        yield f"then waits {cooldown} s"


def _step_words(settings: Json) -> Iterator[str]:
    for step in settings.get("stepAdjustments", []):
        low, high = step.get("metricIntervalLowerBound"), step.get("metricIntervalUpperBound")
        bounds = [
            f"{word} threshold {_signed(bound)}" for word, bound in (("from", low), ("to", high)) if bound is not None
        ]
        yield f"{_adjusts(settings, step.get('scalingAdjustment', 0))} {' '.join(bounds)}".rstrip()
    if (warmup := settings.get("estimatedInstanceWarmup")) is not None:
        yield f"counts new instances after {warmup} s"


def _target_words(settings: Json) -> Iterator[str]:
    target = settings.get("targetTrackingConfiguration", {})
    own, known = target.get("customizedMetricSpecification", {}), target.get("predefinedMetricSpecification", {})
    metric = (
        known.get("predefinedMetricType") or f"{own.get('statistic', '')} {own.get('metricName', 'a metric')}".strip()
    )
    yield f"keeps {metric} at {target.get('targetValue', 0):g}"
    if target.get("disableScaleIn"):
        yield "only ever adds instances"


def _adjusts(settings: Json, amount: int) -> str:
    if settings.get("adjustmentType") == "ExactCapacity":
        return f"sets {amount} instances"
    unit = "instances"
    if settings.get("adjustmentType") == "PercentChangeInCapacity":
        least = settings.get("minAdjustmentMagnitude")
        unit = "% of its instances" + (f", at least {least}," if least else "")
    return f"{'adds' if amount >= 0 else 'removes'} {abs(amount)} {unit}"


def _signed(bound: float) -> str:
    return f"{'+' if bound >= 0 else '-'} {abs(bound):g}"


def alarm_words(alarm: Alarm) -> str:
    settings = alarm.settings
    said = settings.get("statistic") or settings.get("extendedStatistic"), settings.get("metricName")
    what = " ".join(str(word) for word in said if word)
    compared = _COMPARISONS.get(settings.get("comparisonOperator", ""), settings.get("comparisonOperator", ""))
    times = settings.get("evaluationPeriods", 1)
    period = f" for {times} x {settings['period']} s" if "period" in settings else ""
    threshold = f" {settings['threshold']:g}" if "threshold" in settings else ""
    is_off = ", switched off" if settings.get("actionsEnabled") is False else ""
    return f"when {what or alarm.name} {compared}{threshold}{period}{is_off}"


def action_words(action: ScheduledAction) -> str:
    """A sentence without a subject: when, and which sizes."""
    sizes = (("desired", action.desired), ("min", action.min), ("max", action.max))
    said = ", ".join(f"{name} {size}" for name, size in sizes if size is not None)
    zone = action.time_zone or "UTC"
    times = [
        f"at {action.recurrence} ({zone})" if action.recurrence else "",
        f"from {action.starts_at:%Y-%m-%d %H:%M} UTC" if action.starts_at else "",
        f"until {action.ends_at:%Y-%m-%d %H:%M} UTC" if action.ends_at else "",
    ]
    return f"{' '.join(filter(None, times))}: {said}"
