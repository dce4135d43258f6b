"""What start, tasks and rehearsals share: whether it may run, and what exactly would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clusters.models import Application
from clusters.trust.permissions import EXECUTE, Actor, require
from pipelines.core import parameters as parameter_rules
from pipelines.core.definition import Problem, read
from pipelines.core.expressions import Context, evaluate, has_expression
from pipelines.core.plan import Json
from pipelines.engine.admit import Admission, engine_now
from pipelines.models import Pipeline
from pipelines.operations.errors import Conflict, InvalidInput


def of_pipeline(
    actor: Actor, pipeline: Pipeline, parameters: Mapping[str, Any] | None, trigger: Json | None = None, note: str = ""
) -> Admission:
    """The pipeline as it is saved now. Raises Refused, Conflict, InvalidInput naming parameters."""
    require(actor, EXECUTE, pipeline.application)
    if pipeline.is_disabled:
        raise Conflict(f"{pipeline} is disabled.")
    spec = read(pipeline.document)
    given = dict(parameters or {})
    told: Json = {"type": "manual", "user": actor.username, **(trigger or {}), "parameters": given}
    defaults, problems = _with_defaults(spec.parameters, given, told)
    values, errors = parameter_rules.resolve(defaults, given)
    problems += [Problem(name, message) for name, message in errors.items()]
    if problems or spec.errors:
        raise InvalidInput([*problems, *spec.errors])
    told["parameters"] = values
    if note:
        told["note"] = note
    return Admission(pipeline.application.name, spec, pipeline.document, actor, pipeline=pipeline, trigger=told)


def _with_defaults(config: Sequence[Json], given: Json, trigger: Json) -> tuple[list[Json], list[Problem]]:
    """The parameters with expressions in their defaults replaced, strictly: they see the trigger and what was given.

    Only the pipeline's author writes expressions: what comes with a start is a value, whatever stands in it. Given back
    as it is written, as forms do, a default counts as not given, and is taken out of `given`.
    """
    found, problems = [], []
    for parameter in config:
        name, default = parameter["name"], parameter.get("default")
        if has_expression(default) and given.get(name, default) == default:
            given.pop(name, None)
            context = Context({"trigger": trigger, "parameters": given}, engine_now(), {"trigger": trigger})
            evaluated = evaluate(default, context, is_strict=True)
            problems += [Problem(str(name), f"Its default has no value: {told}") for told in evaluated.messages]
            parameter = {**parameter, "default": evaluated.value}
        found.append(parameter)
    return found, problems


def of_task(actor: Actor, application: Application, name: str, stages: Sequence[Json], reason: str = "") -> Admission:
    """Stages without a pipeline. Raises Refused, InvalidInput."""
    require(actor, EXECUTE, application)
    document = {"name": name, "application": application.name, "stages": list(stages)}
    spec = read(document)
    if spec.errors:
        raise InvalidInput(spec.errors)
    told = {"type": "manual", "user": actor.username, "parameters": {}, "note": reason}
    return Admission(application.name, spec, document, actor, trigger=told)
