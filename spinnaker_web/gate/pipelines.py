"""Save, delete, rehearse and start pipelines. Bodies are read as text: what is saved is what was sent, key for key."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Any

from django.http import Http404, HttpResponse
from ninja import Router
from ninja.responses import Status

from clusters.trust.requests import Request
from pipelines import operations
from pipelines.core.definition import Problem, parse_json, parse_source
from pipelines.models import Pipeline
from pipelines.operations import InvalidInput
from pipelines.queries import visible
from spinnaker_web.gate.applications import find_application

router = Router(tags=["pipelines"])


@router.post("/strategies")
@router.post("/pipelines")
def save(request: Request) -> HttpResponse:
    """A new pipeline, or a new revision of the one whose `id` the document carries."""
    source = _text(request)
    document, problems = parse_source(source)
    if problems:
        raise InvalidInput(problems)
    if not isinstance(document.get("application"), str):
        raise InvalidInput([Problem("application", "A pipeline names its application.")])
    application = find_application(request, document["application"])
    known = visible.pipelines(request.actor).filter(application=application, pk=str(document.get("id") or "")).first()
    operations.save_pipeline(request.actor, application, source, pipeline=known)
    return HttpResponse(content_type="application/json")


@router.delete("/strategies/{app}/{path:name}")
@router.delete("/pipelines/{app}/{path:name}")
def delete(request: Request, app: str, name: str) -> HttpResponse:
    """200 also when nothing has that name, as clients expect."""
    application = find_application(request, app)
    wanted = visible.pipelines(request.actor).filter(application=application, name__iexact=name.strip())
    for pipeline in wanted[:1]:
        operations.delete_pipeline(request.actor, pipeline)
    return HttpResponse(content_type="application/json")


@router.post("/pipelines/{app}/{path:name}", response={202: dict[str, str]})
def start(request: Request, app: str, name: str) -> Status[dict[str, str]]:
    """`name` is a name or an id; the body may be absent, null, or {"parameters": {…}}."""
    pipeline = _by_name_or_id(request, app, name)
    execution = operations.start(request.actor, pipeline, parameters=_parameters(request))
    return Status(202, {"ref": f"/pipelines/{execution.ulid}"})


@router.post("/rehearsals/{app}/{path:name}", response=dict[str, Any])
def rehearse(request: Request, app: str, name: str) -> dict[str, Any]:
    """What a start with the same body would do now; nothing is done. Ours, not Gate's."""
    pipeline = _by_name_or_id(request, app, name)
    return asdict(operations.rehearse_pipeline(request.actor, pipeline, parameters=_parameters(request)))


def _parameters(request: Request) -> dict[str, Any]:
    parameters = json_object(request).get("parameters") or {}
    if not isinstance(parameters, dict):
        raise InvalidInput([Problem("parameters", "An object is expected: {…}.")])
    return parameters


def _by_name_or_id(request: Request, app: str, name: str) -> Pipeline:
    known = visible.pipelines(request.actor).filter(application__name__iexact=app)
    for key in ({"name": name}, {"pk": name}):
        with suppress(Pipeline.DoesNotExist):
            return known.get(**key)
    find_application(request, app)
    raise Http404(f"Pipeline configuration not found (id: {name})")


def _text(request: Request) -> str:
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        raise InvalidInput([Problem("", "This is not UTF-8.")]) from None


def json_object(request: Request) -> dict[str, Any]:
    text = _text(request).strip()
    try:
        body = parse_json(text) if text else {}
    except ValueError as error:
        raise InvalidInput([Problem("", str(error))]) from None
    return body if isinstance(body, dict) else {}
