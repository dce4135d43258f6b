"""Lists of executions: of an application by pipeline or by time, of all applications, and what waits for the reader."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from clusters.models import Application
from clusters.trust.permissions import EXECUTE, WRITE, allows
from clusters.trust.requests import Request
from pipelines.models import Execution, Pipeline
from pipelines.queries import runs, turn, visible
from pipelines.queries.runs import Filters
from pipelines.views import shown
from pipelines.views.parts import answer, application_or_404

STATUS_WORDS = {"running": "Running or queued", "succeeded": "Succeeded", "failed": "Failed", "cancelled": "Cancelled"}
AGE_WORDS = {"hour": "Last hour", "day": "Last day", "week": "Last week", "month": "Last 30 days"}
MOST_PIPELINES_IN_MENU = 100


@require_safe
def pipelines(request: Request, app: str) -> HttpResponse:
    application = application_or_404(request.actor, app)
    can_execute = allows(request.actor, EXECUTE, application)
    reader = shown.Reader.of(request.actor, [application.name] if can_execute else [])
    filters = _filters(request)
    context = {
        "application": application,
        "tab": "pipelines",
        "can_execute": can_execute,
        "can_edit": allows(request.actor, WRITE, application),
        "is_by_time": request.GET.get("group") == "time",
        **_filter_bar(request, filters),
    }
    context |= (
        _by_time(request, application, filters, reader)
        if context["is_by_time"]
        else _grouped(application, filters, reader)
    )
    return answer(
        request, "pipelines/pipeline_list.html", context, parts={f"runs-{application.name}": "pipelines/_runs.html"}
    )


def _grouped(application: Application, filters: Filters, reader: shown.Reader) -> dict[str, Any]:
    found = runs.by_pipeline(application, filters, reader.now)
    choices = [(group.pipeline.pk, group.pipeline.name) for group in found if group.pipeline]
    return {"groups": [shown.group(group, reader) for group in found], "pipeline_choices": choices}


def _by_time(request: Request, application: Application, filters: Filters, reader: shown.Reader) -> dict[str, Any]:
    mine = filters.apply(Execution.objects.filter(application=application.name), reader.now)
    found, older = runs.page(mine, request.GET.get("before", ""))
    choices = Pipeline.objects.filter(application=application).values_list("pk", "name")[:MOST_PIPELINES_IN_MENU]
    return {
        "rows": [shown.row(run, reader) for run in found],
        "older": _with(request, before=older) if older else "",
        "pipeline_choices": list(choices),
    }


@require_safe
def executions(request: Request) -> HttpResponse:
    """Of all applications the reader may see, newest first."""
    reader = shown.Reader.of(request.actor, visible.runnable_names(request.actor))
    filters = _filters(request)
    found, older = runs.page(
        filters.apply(visible.executions(request.actor), reader.now), request.GET.get("before", "")
    )
    context = {
        "rows": [shown.row(run, reader) for run in found],
        "older": _with(request, before=older) if older else "",
        "shows_application": True,
        **_filter_bar(request, filters),
    }
    return answer(request, "pipelines/execution_list.html", context)


@require_safe
def your_turn(request: Request) -> HttpResponse:
    """Judgments that wait for the reader, the oldest first."""
    reader = shown.Reader.of(request.actor, visible.runnable_names(request.actor))
    rows = [shown.row(run, reader) for run in turn.your_turn(request.actor)]
    return answer(request, "pipelines/turn.html", {"rows": rows, "shows_application": True})


def _filters(request: Request) -> Filters:
    given = request.GET
    return Filters(
        text=given.get("q", "").strip()[:100],
        pipeline=given.get("pipeline", "")[:200],
        status=given.get("status", ""),
        by=given.get("by", "").strip()[:150],
        age=given.get("since", ""),
    )


def _filter_bar(request: Request, filters: Filters) -> dict[str, Any]:
    return {
        "filters": filters,
        "status_choices": STATUS_WORDS,
        "age_choices": AGE_WORDS,
        "url": request.get_full_path(),
        "by_pipeline_url": _with(request, group="", before=""),
        "by_time_url": _with(request, group="time", before=""),
        "now": timezone.now(),
    }


def _with(request: Request, **changes: str) -> str:
    """This address with some of its query changed; "" takes a key away."""
    query = {**{key: value for key, value in request.GET.items() if value}, **changes}
    text = urlencode({key: value for key, value in query.items() if value})
    return f"{request.path}?{text}" if text else request.path
