"""A stage as it begins: whether it runs at all, and its fields with their expressions replaced, frozen from then on.

Only stages of the pipeline are evaluated. What they make of it goes to their children as it is: a text that came in
with a parameter is never taken for an expression.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.core.config import json_path
from pipelines.core.expressions import has_expression
from pipelines.core.plan import Json, StageType
from pipelines.core.scope import Scope

YES = (True, "true")

#: Fields that say what a stage is, or are read at other times than its beginning.
AS_THEY_ARE = frozenset({"refId", "requisiteStageRefIds", "type", "name", "stageEnabled", "notifications"})
#: Where it is kept what was told of expressions, under Spinnaker's name.
SUMMARY = "expressionEvaluationSummary"


@dataclass(frozen=True, slots=True)
class Beginning:
    """`context` to go on with. `skipped` says why it does not run, `failure` why it fails whatever its options say."""

    context: Json
    skipped: str = ""
    failure: str = ""


def begin(context: Json, stage_type: StageType | None, scope: Scope, now: datetime) -> Beginning:
    if because := _is_off(context, scope):
        return Beginning(context | _summary(scope, now), skipped=because)
    fields = {name: value for name, value in context.items() if name not in AS_THEY_ARE}
    if stage_type is not None and (has_expression(fields) or any(stage_type.bare_expressions(context))):
        context = stage_type.evaluated(context, scope)
    failure = ""
    if scope.messages and context.get("failOnFailedExpressions") in YES:
        failure = f"Expressions have no value: {scope.told('')}"
    return Beginning(context | _summary(scope, now), failure=failure)


def condition(context: Mapping[str, Any]) -> str:
    """The expression that says whether a stage runs; "" when it always does."""
    asked = context.get("stageEnabled")
    if not isinstance(asked, dict) or asked.get("type") != "expression":
        return ""
    expression = asked.get("expression")
    return str(expression).strip() if expression is not None else ""


def _is_off(context: Json, scope: Scope) -> str:
    expression = condition(context)
    if not expression:
        return ""
    value = scope.bare(expression, at="stageEnabled.expression")
    if value is True or str(value).lower() == "true":
        return ""
    if value is False or str(value).lower() == "false":
        return f"Its condition is not met: {expression[:500]}"
    told = scope.told("stageEnabled.expression") or f"stageEnabled.expression gives {str(value)[:200]!r}."
    return f"It runs only if a condition is true, which is neither true nor false. {told}"


def _summary(scope: Scope, now: datetime) -> Json:
    if not scope.messages:
        return {}
    timestamp = int(now.timestamp() * 1000)
    found: dict[str, list[Json]] = {}
    for message in scope.messages:
        expression = message.expression.replace("${", "").replace("}", "")
        line = {"level": message.level, "description": str(message), "timestamp": timestamp}
        found.setdefault(expression, []).append(line | {"exceptionType": None})
    return {SUMMARY: found}


@dataclass(frozen=True, slots=True)
class Pair:
    """A text with expressions as it stands in the pipeline, and what became of it."""

    path: str
    raw: str
    value: Any
    is_unresolved: bool


def pairs(raw: Mapping[str, Any], evaluated: Mapping[str, Any]) -> list[Pair]:
    """Each text of a stage's JSON that holds expressions, in order. A field that is gone since has the value None."""
    fields = {name: value for name, value in raw.items() if name not in AS_THEY_ARE}
    return list(_pairs(fields, evaluated, ()))


def _pairs(raw: Any, evaluated: Any, at: tuple[str | int, ...]) -> Iterator[Pair]:
    if isinstance(raw, str):
        if "${" in raw:
            yield Pair(json_path(at), raw, evaluated, is_unresolved=evaluated == raw)
    elif isinstance(raw, dict):
        inner = evaluated if isinstance(evaluated, dict) else {}
        for name, value in raw.items():
            yield from _pairs(value, inner.get(name), (*at, name))
    elif isinstance(raw, list):
        items = evaluated if isinstance(evaluated, list) else []
        for index, value in enumerate(raw):
            yield from _pairs(value, items[index] if index < len(items) else None, (*at, index))


def unresolved(context: Mapping[str, Any]) -> list[str]:
    """What was told of a stage's expressions when it began, in sentences."""
    summary = context.get(SUMMARY)
    if not isinstance(summary, dict):
        return []
    lines = [line for told in summary.values() if isinstance(told, list) for line in told]
    return [str(line.get("description", "")) for line in lines if isinstance(line, dict)]
