"""YAML as JSON values: no tags, no aliases, bounded before it is built."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from typing import Any

import yaml

from pipelines.core.expressions.errors import ExpressionError
from pipelines.core.expressions.limits import MOST_DEPTH, Budget
from pipelines.core.expressions.methods import text
from pipelines.core.expressions.values import kind

MOST_YAML = 16 * 1024
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_resolver = yaml.resolver.Resolver()
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_REAL = re.compile(r"[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?|[-+]?[0-9]+\.")


def storable(value: str) -> str:
    """The text, unless the database could not hold it."""
    if "\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        raise ExpressionError("It holds a character that cannot be stored.")
    return value


def read_yaml(budget: Budget, value: Any) -> Any:
    found = read_all_yaml(budget, value)
    if len(found) != 1:
        raise ExpressionError(f"There are {len(found)} YAML documents; #readAllYaml reads several.")
    if not isinstance(found[0], (dict, list)):
        raise ExpressionError(f"The YAML is {kind(found[0])}, neither a map nor a list.")
    return found[0]


def read_all_yaml(budget: Budget, value: Any) -> list[Any]:
    if len(text(value)) > MOST_YAML:
        raise ExpressionError(f"YAML may have {MOST_YAML} characters at most here.")
    budget.spend(1 + len(value) // 8)
    try:
        events = yaml.parse(value, Loader=_Loader)
        return list(_documents(events, budget))
    except yaml.YAMLError as error:
        raise ExpressionError(f"This is no YAML: {_told(error)}.") from None


def _documents(events: Iterator[Any], budget: Budget) -> Iterator[Any]:
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            yield _value(next(events), events, budget, 0)


def _value(event: Any, events: Iterator[Any], budget: Budget, depth: int) -> Any:
    budget.spend()
    if isinstance(event, yaml.AliasEvent):
        raise ExpressionError("YAML aliases are not read here.")
    if depth > MOST_DEPTH:
        raise ExpressionError(f"Nested deeper than {MOST_DEPTH} levels.")
    if event.tag is not None:
        raise ExpressionError(f"YAML tags are not read here: {event.tag[:60]}.")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    found: list[Any] = []
    is_list = isinstance(event, yaml.SequenceStartEvent)
    end = yaml.SequenceEndEvent if is_list else yaml.MappingEndEvent
    while not isinstance(event := next(events), end):
        found.append(_value(event, events, budget, depth + 1))
    return found if is_list else _map(found)


def _map(found: list[Any]) -> dict[str, Any]:
    keys, values = found[::2], found[1::2]
    for key in keys:
        if isinstance(key, (dict, list)):
            raise ExpressionError("A key in YAML is a text here.")
    return {key if isinstance(key, str) else str(key): value for key, value in zip(keys, values, strict=True)}


def _scalar(event: Any) -> Any:
    written = storable(event.value)
    tag: str = _resolver.resolve(yaml.ScalarNode, written, event.implicit)  # type: ignore[no-untyped-call]
    match tag.rpartition(":")[2]:
        case "null":
            return None
        case "bool":
            return written.lower() in ("yes", "true", "on")
        case "int" if _INTEGER.fullmatch(written):
            return int(written)
        case "float" if _REAL.fullmatch(written) and isfinite(number := float(written)):
            return number
    return written


def _told(error: yaml.YAMLError) -> str:
    told = (str(error) or type(error).__name__).splitlines()[0][:200]
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    return f"{problem} in line {mark.line + 1}" if mark and problem else told
