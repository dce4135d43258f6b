"""Keep pipelines: save, import, switch on and off, delete. Each checks WRITE and leaves one audit row."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.db import transaction

from clusters.models import Application
from clusters.trust import audit
from clusters.trust.permissions import WRITE, Actor, require
from pipelines.core.definition import PipelineSpec, Problem, parse_source, read
from pipelines.core.plan import Json
from pipelines.engine.admit import engine_now
from pipelines.models import Pipeline, PipelineRevision
from pipelines.models.ids import uuid7
from pipelines.operations.errors import Conflict, InvalidInput
from pipelines.stages.validation import problems as stage_problems


@dataclass(frozen=True, slots=True)
class SavedPipeline:
    pipeline: Pipeline
    warnings: list[Problem]


def check(source: str) -> tuple[Json, PipelineSpec, list[Problem]]:
    """(document, spec, every error and warning with its path) of a pipeline's text. Nothing is stored."""
    document, problems = parse_source(source)
    if problems:
        return document, PipelineSpec(), problems
    spec = read(document)
    raw = document.get("stages")
    places = {id(stage): index for index, stage in enumerate(raw if isinstance(raw, list) else ())}
    found = [
        Problem(_join(f"stages[{places[id(stage.context)]}]", path), message, severity)
        for stage in spec.stages
        for path, message, severity in stage_problems(stage.type_key, stage.context)
    ]
    return document, spec, [*spec.problems, *found]


def _join(stage: str, path: str) -> str:
    return f"{stage}{path}" if path.startswith("[") or not path else f"{stage}.{path}"


@transaction.atomic
def save_pipeline(
    actor: Actor,
    application: Application,
    source: str,
    *,
    pipeline: Pipeline | None = None,
    version: int | None = None,
) -> SavedPipeline:
    """Create, or save over `version` of `pipeline`. Raises InvalidInput, or Conflict when somebody saved since."""
    require(actor, WRITE, application)
    document, spec, problems = check(source)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise InvalidInput(errors)
    saved = _store(actor, application, source, document, spec, pipeline, version)
    return SavedPipeline(saved, [problem for problem in problems if problem.severity == "warning"])


@transaction.atomic
def import_pipeline(actor: Actor, application: Application, source: str) -> SavedPipeline:
    """Take in a pipeline as it is. One with errors is kept, disabled and marked, so that nothing of it is lost."""
    require(actor, WRITE, application)
    document, spec, problems = check(source)
    if not document:
        raise InvalidInput(problems)
    errors = [problem for problem in problems if problem.severity == "error"]
    named = spec if spec.name else PipelineSpec(name="Imported without a name", is_disabled=True)
    saved = _store(actor, application, source, document, named, None, None, errors=errors)
    return SavedPipeline(saved, problems)


def _store(
    actor: Actor,
    application: Application,
    source: str,
    document: Json,
    spec: PipelineSpec,
    pipeline: Pipeline | None,
    version: int | None,
    *,
    errors: list[Problem] | None = None,
) -> Pipeline:
    before = None
    if pipeline is None:
        pipeline = Pipeline(id=_id_for(document), application=application, version=0)
    else:
        pipeline = Pipeline.objects.select_for_update().get(pk=pipeline.pk)
        _require_current(pipeline, version)
        before = pipeline.document
    if Pipeline.objects.filter(application=application, name=spec.name).exclude(pk=pipeline.pk).exists():
        raise InvalidInput([Problem("name", f"{application} already has a pipeline {spec.name!r}.")])
    is_new = pipeline.version == 0
    pipeline.name, pipeline.source, pipeline.document = spec.name, source, document
    pipeline.version += 1
    pipeline.is_disabled = spec.is_disabled or bool(errors)
    pipeline.problems = [{"path": problem.path, "message": problem.message} for problem in errors or []]
    pipeline.updated_by, pipeline.updated_at = actor.username, engine_now()
    pipeline.save(force_insert=is_new)
    PipelineRevision.objects.create(
        pipeline=pipeline, version=pipeline.version, source=source, author=actor.username, at=pipeline.updated_at
    )
    audit.record(actor, "save", pipeline, before=before, after=document, application=application.name)
    return pipeline


def _require_current(pipeline: Pipeline, version: int | None) -> None:
    if version is not None and version != pipeline.version:
        raise Conflict(
            f"{pipeline.updated_by} saved revision {pipeline.version} at {pipeline.updated_at:%H:%M:%S} UTC,"
            f" after you opened revision {version}."
        )


def _id_for(document: Json) -> str:
    """The document's own id where it has a free one: people's scripts know it."""
    wished = document.get("id")
    if isinstance(wished, str) and 0 < len(wished) <= 200 and not Pipeline.objects.filter(pk=wished).exists():
        return wished
    return str(uuid7())


@transaction.atomic
def set_disabled(actor: Actor, pipeline: Pipeline, is_disabled: bool) -> Pipeline:
    """Switch a pipeline off or on: a revision like any other, so the text says the same."""
    require(actor, WRITE, pipeline.application)
    document, spec, _ = check(json.dumps(pipeline.document | {"disabled": is_disabled}, indent=2, ensure_ascii=False))
    if spec.errors and not is_disabled:
        raise InvalidInput(spec.errors)
    source = json.dumps(document, indent=2, ensure_ascii=False)
    errors = list(spec.errors)
    return _store(actor, pipeline.application, source, document, spec, pipeline, pipeline.version, errors=errors)


@transaction.atomic
def delete_pipeline(actor: Actor, pipeline: Pipeline) -> None:
    """Its executions stay as history."""
    require(actor, WRITE, pipeline.application)
    audit.record(actor, "delete", pipeline, before=pipeline.document, application=pipeline.application.name)
    pipeline.delete()
