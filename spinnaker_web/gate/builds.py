"""Build controllers, their jobs and builds, for those who see an application that may use them."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from ninja import Router

from clusters.models import Application
from clusters.trust.requests import Request
from pipelines.clients.jenkins import Jenkins
from pipelines.models import Controller
from pipelines.stages.parts.jenkins import client_for

router = Router(tags=["builds"])


@router.get("/v2/builds")
def controllers(request: Request) -> list[str]:
    return [name for name in _usable(request).values_list("name", flat=True).distinct() if name]


@router.get("/v2/builds/{controller}/jobs")
def jobs(request: Request, controller: str) -> list[str]:
    return sorted(_client(request, controller).jobs())


@router.get("/v2/builds/{controller}/jobs/{path:job}")
def job(request: Request, controller: str, job: str) -> dict[str, Any]:
    """What can be given to a build of it."""
    found = _client(request, controller).job(job)
    parameters = [
        {"name": name, "type": "ChoiceParameterDefinition" if choices else "StringParameterDefinition"}
        | ({"choices": list(choices)} if choices else {})
        for name, choices in found.parameters.items()
    ]
    return {"name": job, "buildable": found.is_buildable, "parameterDefinitionList": parameters}


@router.get("/v2/builds/{controller}/builds/{path:job}")
def builds(request: Request, controller: str, job: str) -> list[Any]:
    """Newest first."""
    return _client(request, controller).builds(job)


@router.get("/v2/builds/{controller}/build/{int:number}/{path:job}")
def build(request: Request, controller: str, number: int, job: str) -> Any:
    return _client(request, controller).build(job, number)


def _usable(request: Request) -> Any:
    """Controllers by the applications that the reader sees; one may come more than once."""
    seen = Application.objects.visible_to(request.actor)
    return Controller.objects.filter(is_enabled=True, applications__in=seen).order_by("name")


def _client(request: Request, name: str) -> Jenkins:
    application = _usable(request).filter(name=name).values_list("applications__name", flat=True).first()
    if application is None:
        raise Http404(f"Build controller not found (id: {name})")
    return client_for(name, application)
