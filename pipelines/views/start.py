"""Start a pipeline: its parameters with defaults and choices, or with the values of an earlier execution."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from clusters.trust.permissions import EXECUTE, require
from clusters.trust.requests import Request
from pipelines import operations
from pipelines.core.definition import read
from pipelines.engine.rehearse import Rehearsal
from pipelines.forms import StartForm
from pipelines.models import Execution, Pipeline
from pipelines.queries import whole
from pipelines.views.parts import pipeline_or_404


@require_http_methods(["GET", "HEAD", "POST"])
def start(request: Request, app: str, pk: str) -> HttpResponse:
    """`?like=<execution>` fills in what that one was started with. POSTed `rehearse` only shows what it would do."""
    pipeline = pipeline_or_404(request.actor, app, pk)
    require(request.actor, EXECUTE, pipeline.application)
    spec = read(pipeline.document)
    if request.method == "POST":
        form = StartForm(spec.parameters, request.POST)
        if form.is_valid():
            try:
                if "rehearse" in request.POST:
                    rehearsal = operations.rehearse_pipeline(request.actor, pipeline, parameters=form.parameters)
                    return _page(request, pipeline, form, rehearsal)
                note = form.cleaned_data["note"]
                execution = operations.start(request.actor, pipeline, parameters=form.parameters, note=note)
                return redirect("pipelines:execution", execution.ulid)
            except operations.InvalidInput as error:
                form.add_problems(error.problems)
    else:
        form = StartForm(spec.parameters, earlier=_values_of(request, pipeline))
    return _page(request, pipeline, form)


def _page(request: Request, pipeline: Pipeline, form: StartForm, rehearsal: Rehearsal | None = None) -> HttpResponse:
    context = {
        "application": pipeline.application,
        "tab": "pipelines",
        "pipeline": pipeline,
        "form": form,
        "rehearsal": rehearsal,
        "alert": pipeline.document.get("manualStartAlert"),
        "open": list(
            Execution.objects.open().filter(pipeline=pipeline).only("id", "number", "name").order_by("-id")[:5]
        ),
    }
    return render(request, "pipelines/start.html", context, status=422 if form.errors else 200)


def _values_of(request: Request, pipeline: Pipeline) -> dict[str, Any]:
    """Parameters of an earlier execution of this pipeline; {} when there is none such."""
    try:
        earlier = whole.find(request.actor, request.GET.get("like", ""))
    except Execution.DoesNotExist:
        return {}
    values = earlier.trigger.get("parameters") if earlier.pipeline_id == pipeline.pk else {}
    return values if isinstance(values, dict) else {}
