"""What is wrong with a stage as it is saved, before its expressions have values.

A string that holds ${ passes wherever it stands. Strict validation follows when the stage starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

from pydantic import ValidationError

from pipelines.core.beginning import AS_THEY_ARE, condition
from pipelines.core.config import JsonConfig, json_path
from pipelines.core.config import problems as problems_of
from pipelines.core.expressions import bare_faults, faults
from pipelines.stages import find
from pipelines.stages.base import COMMON_FIELDS, BaseStage
from pipelines.strategies import STRATEGIES

Severity = Literal["error", "warning"]
Location = tuple[int | str, ...]
#: Path below the stage, what is wrong there, how bad that is.
Problem = tuple[str, str, Severity]


def problems(type_key: str, stage: Mapping[str, Any]) -> list[Problem]:
    """`stage` is a stage's whole JSON. An unknown type is one warning: its pipeline may still be kept."""
    stage_type = find(type_key)
    if not isinstance(stage_type, BaseStage):
        return [("type", f"There is no stage type {type_key!r} here; the stage would fail.", "warning")]
    warnings = [*_warnings(stage_type.Config, stage), *_expressions(stage_type, stage)]
    return [*_errors(stage_type.Config, stage), *warnings]


def _expressions(stage_type: BaseStage, stage: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with expressions whatever they will see."""
    bare = [*stage_type.bare_expressions(stage)]
    if asked := condition(stage):
        bare.append(("stageEnabled.expression", asked))
    for path, expression in bare:
        for fault in bare_faults(expression):
            yield path, f"Position {fault.position}: {fault.text}", "warning"
    known = {path for path, _ in bare}
    for fault in faults({name: value for name, value in stage.items() if name not in AS_THEY_ARE}):
        if fault.path not in known:
            yield fault.path, f"Position {fault.position}: {fault.text}", "warning"


def _errors(config: type[JsonConfig], stage: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        config.model_validate(dict(stage))
    except ValidationError as error:
        found = problems_of(error)
        unknown = [problem.location for problem in found if _holds_expression(_at(stage, problem.location))]
        # A field that contradicts the one beside it may be right once that one has its value.
        beside = {location[:-1] for location in unknown}
        for problem in found:
            is_excused = problem.contradicts and problem.location[:-1] in beside
            if problem.location not in unknown and not is_excused:
                yield problem.path, problem.message, "error"


def _at(value: Any, location: Location) -> Any:
    for part in location:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, (list, tuple)) and isinstance(part, int):
            value = value[part]
        else:
            return value
    return value


def _holds_expression(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_expression, value.values()))
    if isinstance(value, list):
        return any(map(_holds_expression, value))
    return isinstance(value, str) and "${" in value


def _warnings(config: type[JsonConfig], fields: Mapping[str, Any], at: Location = ()) -> Iterator[Problem]:
    known = {field.alias or name: field.annotation for name, field in config.model_fields.items()}
    common = COMMON_FIELDS if not at else frozenset()
    for name, value in fields.items():
        here = (*at, name)
        if name not in known and name not in config.also_known and name not in common:
            yield json_path(here), "This field is unknown here; it is kept but has no effect.", "warning"
        elif name == "strategy" and isinstance(value, str) and not _is_strategy(value):
            yield json_path(here), f"There is no strategy {value!r}; older server groups stay as they are.", "warning"
        elif inner := _config_in(known.get(name)):
            yield from _warnings_inside(inner, value, here)


def _warnings_inside(config: type[JsonConfig], value: Any, at: Location) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        yield from _warnings(config, value, at)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _warnings_inside(config, item, (*at, index))


def _is_strategy(key: str) -> bool:
    return "${" in key or key.lower() in STRATEGIES


def _config_in(annotation: Any) -> type[JsonConfig] | None:
    """The config type inside `tuple[Config, ...]`, `Config | None` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, JsonConfig):
        return annotation
    return next(filter(None, map(_config_in, get_args(annotation))), None)
