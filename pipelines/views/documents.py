"""Pipelines as JSON: create, edit, compare revisions, switch off and on, delete."""

from __future__ import annotations

import difflib
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from clusters.models import Application
from clusters.trust.permissions import WRITE, allows, require
from clusters.trust.requests import Request
from pipelines import operations
from pipelines.core.definition import Problem
from pipelines.core.locate import line_of
from pipelines.forms import SourceForm
from pipelines.models import Pipeline, PipelineRevision
from pipelines.operations.documents import check
from pipelines.views.drawn import draft_graph
from pipelines.views.parts import application_or_404, pipeline_or_404

EXAMPLE = """{
  "name": "Release",
  "parameterConfig": [
    {"name": "version", "label": "Version", "required": true, "description": "What to release"}
  ],
  "stages": [
    {"refId": "1", "type": "wait", "name": "Settle", "waitTime": 30, "requisiteStageRefIds": []},
    {
      "refId": "2",
      "type": "manualJudgment",
      "name": "Go live?",
      "instructions": "Release ${parameters.version}?",
      "judgmentInputs": [],
      "requisiteStageRefIds": ["1"]
    }
  ]
}
"""
MOST_REVISIONS = 100
_TONES = {"+": "good", "-": "bad", "@": "idle"}


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: Request, app: str) -> HttpResponse:
    application = application_or_404(request.actor, app)
    require(request.actor, WRITE, application)
    form = SourceForm(request.POST or None, initial={"source": EXAMPLE})
    return _save_or_show(request, application, None, form)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: Request, app: str, pk: str) -> HttpResponse:
    """`?revision=<n>` opens an older text, to be saved as a new revision."""
    pipeline = pipeline_or_404(request.actor, app, pk)
    require(request.actor, WRITE, pipeline.application)
    source = pipeline.source
    if wanted := request.GET.get("revision", ""):
        old = PipelineRevision.objects.filter(pipeline=pipeline, version=int(wanted)) if wanted.isdecimal() else None
        source = (old and old.values_list("source", flat=True).first()) or source
    form = SourceForm(request.POST or None, initial={"source": source, "version": pipeline.version})
    return _save_or_show(request, pipeline.application, pipeline, form)


def _save_or_show(
    request: Request, application: Application, pipeline: Pipeline | None, form: SourceForm
) -> HttpResponse:
    problems: tuple[Problem, ...] = ()
    stale, status = "", 200
    source = form["source"].value() or ""
    if request.method == "POST" and form.is_valid():
        # Browsers send line ends as CRLF; what is kept is what was written.
        source = form.cleaned_data["source"].replace("\r\n", "\n")
        version = form.cleaned_data["version"]
        try:
            saved = operations.save_pipeline(request.actor, application, source, pipeline=pipeline, version=version)
            messages.success(request, f"Saved {saved.pipeline} as revision {saved.pipeline.version}.")
            return redirect("pipelines:edit", application.name, saved.pipeline.pk)
        except operations.InvalidInput as error:
            problems, status = error.problems, 422
        except operations.Conflict as error:
            stale, status = str(error), 409
            pipeline = Pipeline.objects.get(pk=pipeline.pk) if pipeline else None
    context = _editor(application, pipeline, form, source, problems)
    context |= {"stale": stale, "opened": form["version"].value(), "status": status}
    return render(request, "pipelines/edit.html", context, status=status)


def _editor(
    application: Application, pipeline: Pipeline | None, form: SourceForm, source: str, problems: tuple[Problem, ...]
) -> dict[str, Any]:
    document, spec, found = check(source)
    found = list(problems) or found
    return {
        "application": application,
        "tab": "pipelines",
        "pipeline": pipeline,
        "form": form,
        "source": source,
        "lines": source.splitlines(),
        "version": pipeline.version if pipeline else "",
        "problems": [(problem, line_of(source, problem.path)) for problem in found],
        "errors": sum(problem.severity == "error" for problem in found),
        "graph": draft_graph(document, spec, source, found),
        "spec": spec,
    }


@require_safe
def revisions(request: Request, app: str, pk: str) -> HttpResponse:
    """What each save changed; without a choice the newest against the one before."""
    pipeline = pipeline_or_404(request.actor, app, pk)
    rows = list(pipeline.revisions.defer("source")[:MOST_REVISIONS])
    left = _number(request.GET.get("left"), pipeline.version - 1)
    right = _number(request.GET.get("right"), pipeline.version)
    texts = dict(pipeline.revisions.filter(version__in=[left, right]).values_list("version", "source"))
    before, after = (texts.get(version, "").splitlines() for version in (left, right))
    lines = difflib.unified_diff(before, after, f"revision {left}", f"revision {right}", lineterm="", n=4)
    context = {
        "application": pipeline.application,
        "tab": "pipelines",
        "pipeline": pipeline,
        "can_edit": allows(request.actor, WRITE, pipeline.application),
        "revisions": rows,
        "left": left,
        "right": right,
        "diff": [(line, _TONES.get(line[:1], "")) for line in lines],
    }
    return render(request, "pipelines/revisions.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: Request, app: str, pk: str) -> HttpResponse:
    pipeline = pipeline_or_404(request.actor, app, pk)
    require(request.actor, WRITE, pipeline.application)
    if request.method == "POST":
        operations.delete_pipeline(request.actor, pipeline)
        messages.success(request, f"Deleted {pipeline}. Its executions stay in the history.")
        return redirect("pipelines:pipelines", app)
    context = {"application": pipeline.application, "tab": "pipelines", "pipeline": pipeline}
    return render(request, "pipelines/delete.html", context)


@require_POST
def switch(request: Request, app: str, pk: str) -> HttpResponse:
    """Switch the pipeline off, or on again."""
    pipeline = pipeline_or_404(request.actor, app, pk)
    is_disabled = request.POST.get("to") == "off"
    try:
        operations.set_disabled(request.actor, pipeline, is_disabled)
        messages.success(request, f"{pipeline} is {'disabled' if is_disabled else 'enabled'}.")
    except operations.InvalidInput as error:
        messages.error(request, f"{pipeline} has errors; mend them first: {error}")
    return redirect("pipelines:edit", app, pk)


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else otherwise
