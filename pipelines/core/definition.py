"""Pipeline JSON to a spec, with every problem named by its path.

Errors keep a pipeline from being saved (or, when imported, mark and disable it); warnings do not. Shape and graph are
checked here; fields of a stage's own are the stage type's business.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipelines.core.graph import find_cycle
from pipelines.core.plan import Json

MOST_STAGES = 500
MOST_DEPTH = 32
MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Problem:
    """`path` is a JSON path such as stages[2].waitTime; "" is the document itself."""

    path: str
    message: str
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True, slots=True)
class StageSpec:
    """A stage as it stands in the pipeline; `context` is its whole JSON."""

    ref: str
    type_key: str
    name: str
    requisites: tuple[str, ...]
    context: Json


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    name: str = ""
    stages: tuple[StageSpec, ...] = ()
    parameters: tuple[Json, ...] = ()
    is_disabled: bool = False
    problems: tuple[Problem, ...] = field(default=())

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "error")


def parse_source(source: str) -> tuple[Json, list[Problem]]:
    """The text as a JSON object, or {} and why it is none (with line and column)."""
    if len(source.encode()) > MOST_BYTES:
        return {}, [Problem("", f"A pipeline may have {MOST_BYTES // 1024} KiB at most.")]
    try:
        document = parse_json(source)
    except ValueError as error:
        return {}, [Problem("", str(error))]
    if not isinstance(document, dict):
        return {}, [Problem("", "A pipeline is a JSON object: {…}.")]
    return document, []


def parse_json(text: str) -> Any:
    """What the text says. Raises ValueError with a sentence when it is no JSON, or JSON that cannot be stored."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"This is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise ValueError(f"Nested deeper than {MOST_DEPTH} levels.") from None
    except ValueError:
        raise ValueError("A number has too many digits.") from None
    if _depth(value) > MOST_DEPTH:
        raise ValueError(f"Nested deeper than {MOST_DEPTH} levels.")
    if "\\u0000" in json.dumps(value):
        raise ValueError("The character U+0000 cannot be stored.")
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("Half of a character (U+D800 to U+DFFF) cannot be stored.") from None
    except ValueError:
        raise ValueError("NaN and numbers without end cannot be stored.") from None
    return value


def read(document: Mapping[str, Any]) -> PipelineSpec:
    """The spec of a pipeline's JSON. Never raises: what is wrong is in `problems`."""
    problems: list[Problem] = []
    name = document.get("name")
    if not isinstance(name, str) or not name.strip():
        problems.append(Problem("name", "A pipeline needs a name."))
        name = ""
    elif len(name) > 250:
        problems.append(Problem("name", "A name has 250 characters at most."))
    stages = _stages(document.get("stages", []), problems)
    _check_graph(stages, problems)
    return PipelineSpec(
        name=name.strip(),
        stages=tuple(stages.values()),
        parameters=tuple(_parameters(document.get("parameterConfig") or [], problems)),
        is_disabled=document.get("disabled") is True,
        problems=tuple(problems),
    )


def _stages(raw: Any, problems: list[Problem]) -> dict[int, StageSpec]:
    """By their place in the document, which is not their place among those that can be read."""
    if not isinstance(raw, list):
        problems.append(Problem("stages", "Stages are a list: […]."))
        return {}
    if len(raw) > MOST_STAGES:
        problems.append(Problem("stages", f"{len(raw)} stages; {MOST_STAGES} is the most."))
        return {}
    found = {index: _stage(item, f"stages[{index}]", problems) for index, item in enumerate(raw)}
    return {index: stage for index, stage in found.items() if stage is not None}


def _stage(item: Any, path: str, problems: list[Problem]) -> StageSpec | None:
    if not isinstance(item, dict):
        problems.append(Problem(path, "A stage is a JSON object: {…}."))
        return None
    ref, type_key = item.get("refId"), item.get("type")
    if not isinstance(ref, str | int) or isinstance(ref, bool) or not str(ref).strip():
        problems.append(Problem(f"{path}.refId", "Each stage needs a refId, text or a number."))
        return None
    if any(sign in str(ref) for sign in "<>/") or len(str(ref)) > 60:
        problems.append(Problem(f"{path}.refId", "A refId has 60 characters at most, none of them <, > or /."))
        return None
    if not isinstance(type_key, str) or not type_key:
        problems.append(Problem(f"{path}.type", "Each stage needs a type."))
        type_key = ""
    requisites = item.get("requisiteStageRefIds") or []
    if not isinstance(requisites, list) or not all(isinstance(need, str | int) for need in requisites):
        problems.append(Problem(f"{path}.requisiteStageRefIds", "A list of refIds is expected."))
        requisites = []
    name = item.get("name")
    name = name if isinstance(name, str) and name else type_key
    return StageSpec(str(ref), type_key, name[:250], tuple(map(str, requisites)), item)


def _check_graph(stages: dict[int, StageSpec], problems: list[Problem]) -> None:
    requisites: dict[str, tuple[str, ...]] = {}
    for index, stage in stages.items():
        if stage.ref in requisites:
            problems.append(Problem(f"stages[{index}].refId", f"refId {stage.ref} is used twice."))
        requisites[stage.ref] = stage.requisites
    for index, stage in stages.items():
        for place, need in enumerate(stage.requisites):
            if need not in requisites:
                path = f"stages[{index}].requisiteStageRefIds[{place}]"
                problems.append(Problem(path, f"There is no stage with refId {need}."))
    if cycle := find_cycle(requisites):
        index = next(index for index, stage in stages.items() if stage.ref == cycle[0])
        around = " > ".join(cycle)
        problems.append(Problem(f"stages[{index}].requisiteStageRefIds", f"Stages wait for each other: {around}."))


def _parameters(raw: Any, problems: list[Problem]) -> list[Json]:
    if not isinstance(raw, list):
        problems.append(Problem("parameterConfig", "Parameters are a list: […]."))
        return []
    found = []
    for index, item in enumerate(raw):
        if isinstance(item, dict) and isinstance(item.get("name"), str) and item["name"]:
            found.append(item)
        else:
            problems.append(Problem(f"parameterConfig[{index}].name", "Each parameter needs a name."))
    return found


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return depth
