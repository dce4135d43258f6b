"""Parameter values at start: what was given, else the default, checked against options and `required`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipelines.core.plan import Json


def resolve(config: Iterable[Mapping[str, Any]], given: Mapping[str, Any]) -> tuple[Json, dict[str, str]]:
    """(values, errors by parameter name). A key that is given counts, even when empty; undeclared ones pass through."""
    values: Json = dict(given)
    errors: dict[str, str] = {}
    for parameter in config:
        name = parameter["name"]
        if name not in given and parameter.get("default") is not None:
            values[name] = parameter["default"]
        value = values.get(name)
        if value in (None, "") and parameter.get("required") in (True, "true"):
            errors[name] = f"{parameter.get('label') or name} is required."
        options = options_of(parameter)
        if options and value not in (None, "") and str(value) not in options:
            errors[name] = f"{value!r} is none of {', '.join(options)}."
    return values, errors


def options_of(parameter: Mapping[str, Any]) -> list[str]:
    """The values a parameter may take; [] when any will do."""
    if parameter.get("hasOptions") not in (True, "true"):
        return []
    return [str(option.get("value")) for option in parameter.get("options") or [] if isinstance(option, dict)]
