"""What start, tasks and rehearsals share: whether it may run, and what exactly would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clusters.models import Application
from clusters.trust.permissions import EXECUTE, Actor, require
from pipelines.core import parameters as parameter_rules
from pipelines.core.definition import Problem, read
from pipelines.core.plan import Json
from pipelines.engine.admit import Admission
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
    values, errors = parameter_rules.resolve(spec.parameters, parameters or {})
    problems = [Problem(name, message) for name, message in errors.items()]
    if problems or spec.errors:
        raise InvalidInput([*problems, *spec.errors])
    told = {"type": "manual", "user": actor.username, **(trigger or {}), "parameters": values}
    if note:
        told["note"] = note
    return Admission(pipeline.application.name, spec, pipeline.document, actor, pipeline=pipeline, trigger=told)


def of_task(actor: Actor, application: Application, name: str, stages: Sequence[Json], reason: str = "") -> Admission:
    """Stages without a pipeline. Raises Refused, InvalidInput."""
    require(actor, EXECUTE, application)
    document = {"name": name, "application": application.name, "stages": list(stages)}
    spec = read(document)
    if spec.errors:
        raise InvalidInput(spec.errors)
    told = {"type": "manual", "user": actor.username, "parameters": {}, "note": reason}
    return Admission(application.name, spec, document, actor, trigger=told)
