"""What people do to an execution. GET asks, where asking is due; POST does it and leads back to the execution."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from clusters.trust.permissions import Refused
from clusters.trust.requests import Request
from pipelines import operations
from pipelines.core import judging
from pipelines.forms import JudgeForm, ReasonForm
from pipelines.models import Execution, Stage
from pipelines.queries import visible, whole
from pipelines.views.judgment import judgment_card
from pipelines.views.parts import execution_or_404
from pipelines.views.shown import Reader


@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: Request, ulid: str) -> HttpResponse:
    execution = _runnable_or_refuse(request, ulid)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        operations.cancel(request.actor, execution, form.cleaned_data["reason"])
        messages.success(request, f"{execution} is being cancelled.")
        return _back(execution)
    context = {
        "execution": execution,
        "form": form,
        "title": f"Cancel {execution}?",
        "text": "What is under way is ended first; nothing new begins. What was deployed stays as it is.",
        "verb": f"Cancel #{execution.number}" if execution.number else "Cancel it",
        "keep": "Let it run",
        "is_risky": True,
    }
    return _page(request, "pipelines/confirm.html", context, form)


@require_http_methods(["GET", "HEAD", "POST"])
def restart(request: Request, ulid: str, ref: str) -> HttpResponse:
    execution = _runnable_or_refuse(request, ulid)
    stage = _stage_or_404(execution, ref)
    if request.method == "POST":
        operations.restart_stage(request.actor, execution, ref)
        messages.success(request, f"{stage.name} runs again.")
        return _back(execution, ref)
    context = {
        "execution": execution,
        "title": f"Restart {stage.name}?",
        "text": "This stage and all that follow it run again, as they were defined when the execution began. "
        "Earlier attempts stay in the history.",
        "verb": "Restart this stage",
        "keep": "Leave it ended",
    }
    return _page(request, "pipelines/confirm.html", context)


@require_POST
def skip(request: Request, ulid: str, ref: str) -> HttpResponse:
    execution = execution_or_404(request.actor, ulid)
    operations.skip_wait(request.actor, execution, ref)
    messages.success(request, "The rest of the wait is skipped.")
    return _back(execution, ref)


@require_http_methods(["GET", "HEAD", "POST"])
def take_over(request: Request, ulid: str, ref: str) -> HttpResponse:
    execution = _runnable_or_refuse(request, ulid)
    stage = _stage_or_404(execution, ref)
    if request.method == "POST":
        other = operations.take_over(request.actor, execution, ref)
        messages.success(request, f"{other} is being cancelled; {stage.name} goes on then.")
        return _back(execution, ref)
    context = {
        "execution": execution,
        "title": f"Let {stage.name} take over?",
        "text": "The execution that deploys to the same cluster now is cancelled. What it has deployed stays as it is.",
        "verb": "Take over",
        "keep": "Go on waiting",
        "is_risky": True,
    }
    return _page(request, "pipelines/confirm.html", context)


@require_POST
def try_again(request: Request, ulid: str) -> HttpResponse:
    execution = execution_or_404(request.actor, ulid)
    operations.try_again(request.actor, execution)
    return _back(execution)


@require_http_methods(["GET", "HEAD", "POST"])
def judge(request: Request, ulid: str, ref: str) -> HttpResponse:
    """A page with nothing but the question, for phones and links in messages; the execution page posts here too."""
    execution = execution_or_404(request.actor, ulid)
    stage = _stage_or_404(execution, ref)
    form = JudgeForm(request.POST or None, choices=judging.inputs(stage.context))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            operations.judge(
                request.actor,
                execution,
                ref,
                request.POST.get("judgment", ""),
                input=given.get("input") or "",
                reason=given["reason"],
            )
            return _back(execution, ref)
        except operations.InvalidInput as error:
            for problem in error.problems:
                form.add_error("input" if "input" in form.fields else None, problem.message)
    reader = Reader.for_one(request.actor, execution.application)
    card = judgment_card(whole.whole(execution), stage, reader, form)
    return _page(request, "pipelines/judge.html", {"execution": execution, "card": card}, form)


def _runnable_or_refuse(request: Request, ulid: str) -> Execution:
    """The execution, when the actor may act on it: nobody is shown a question they may not answer."""
    execution = execution_or_404(request.actor, ulid)
    if not visible.may_execute(request.actor, execution.application):
        raise Refused(f"{request.actor.username} lacks EXECUTE on application {execution.application}.")
    return execution


def _stage_or_404(execution: Execution, ref: str) -> Stage:
    stage = execution.stages.filter(ref=ref).select_related("judgment").order_by("-attempt").first()
    if stage is None:
        raise Http404
    return stage


def _back(execution: Execution, ref: str = "") -> HttpResponse:
    address = reverse("pipelines:execution", args=[execution.ulid])
    return redirect(f"{address}?{urlencode({'stage': ref})}" if ref else address)


def _page(request: Request, template: str, context: dict[str, Any], form: Any = None) -> HttpResponse:
    return render(request, template, context, status=422 if form is not None and form.errors else 200)
