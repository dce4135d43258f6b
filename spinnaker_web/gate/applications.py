"""Applications and the pipelines and executions that belong to them."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import Http404
from ninja import Router

from clusters.models import Application
from clusters.trust.requests import Request
from pipelines.models import Execution, Pipeline
from pipelines.queries import visible, whole
from spinnaker_web.gate import shapes

router = Router(tags=["applications"])

MOST = 50
STRATEGY = Q(document__contains={"strategy": True})


@router.get("/version")
def version(request: Request) -> dict[str, str]:
    """spin asks before each command."""
    return {"version": "1"}


@router.get("/applications")
def applications(request: Request) -> list[Any]:
    visible_ones = Application.objects.visible_to(request.actor).prefetch_related("traffic_guards")
    return [shapes.application(one) for one in visible_ones]


@router.get("/applications/{app}")
def application(request: Request, app: str) -> dict[str, Any]:
    one = find_application(request, app)
    return {"name": one.name.lower(), "attributes": shapes.application(one), "clusters": {}}


@router.get("/applications/{app}/pipelineConfigs")
def pipeline_configs(request: Request, app: str) -> list[Any]:
    return _configs(request, app, is_strategy=False)


@router.get("/applications/{app}/strategyConfigs")
def strategy_configs(request: Request, app: str) -> list[Any]:
    """Pipelines that a deployment may take as its custom strategy; they have a list of their own."""
    return _configs(request, app, is_strategy=True)


def _configs(request: Request, app: str, *, is_strategy: bool) -> list[Any]:
    known = visible.pipelines(request.actor).filter(application=find_application(request, app))
    wanted = known.filter(STRATEGY) if is_strategy else known.exclude(STRATEGY)
    return [shapes.pipeline_config(one) for one in wanted]


@router.get("/applications/{app}/pipelineConfigs/{path:name}")
def pipeline_config(request: Request, app: str, name: str) -> dict[str, Any]:
    try:
        one = visible.pipelines(request.actor).get(application=find_application(request, app), name=name)
    except Pipeline.DoesNotExist:
        raise Http404(f"Pipeline config (id: {name}) not found for Application (id: {app})") from None
    return shapes.pipeline_config(one)


@router.get("/applications/{app}/pipelines")
def executions(request: Request, app: str, limit: int = 10, statuses: str = "") -> list[Any]:
    """Newest first; `statuses` is a comma list, empty for all."""
    found = Execution.objects.filter(application=find_application(request, app).name).defer("spec")
    if wanted := [one for one in statuses.split(",") if one]:
        found = found.filter(status__in=wanted)
    return shown(list(found.order_by("-id")[: max(0, min(limit, MOST))]))


def shown(executions: list[Execution]) -> list[Any]:
    """Executions with stages of the highest attempts; two queries for all."""
    answers = []
    for one in whole.wholes(executions):
        stages = [part for top in one.tops for part in one.below(top)]
        answers.append(shapes.execution(one.execution, stages, one.steps))
    return answers


def find_application(request: Request, name: str) -> Application:
    """By name in any case, as Gate does."""
    one = Application.objects.visible_to(request.actor).filter(name__iexact=name).first()
    if one is None:
        raise Http404(f"Application not found (id: {name})")
    return one
