"""What a build has written, fetched from its controller piece by piece: whoever may see the execution may read it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from clusters.trust.redaction import redact
from clusters.trust.requests import Request
from pipelines.clients.jenkins import Console, JenkinsError
from pipelines.core.plan import StepFailed
from pipelines.core.snapshot import StepStatus
from pipelines.models import Execution, Stage
from pipelines.stages.parts.jenkins import JENKINS, SCRIPT, client_for
from pipelines.views.parts import execution_or_404

PIECE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """`next` leads on, `earlier` to what is left out above; `is_followed`: the page fetches the next by itself."""

    text: str = ""
    next: str = ""
    words: str = ""
    earlier: str = ""
    is_followed: bool = False
    error: str = ""


@require_safe
def console(request: Request, ulid: str, ref: str) -> HttpResponse:
    """From byte `start` on; without it, the end of what there is."""
    execution = execution_or_404(request.actor, ulid)
    stage = _stage(request, execution, ref)
    start = request.GET.get("start", "")
    piece = _piece(execution, stage, int(start) if re.fullmatch("[0-9]{1,15}", start) else None)
    template = "pipelines/_console.html" if request.htmx else "pipelines/console.html"
    response = render(request, template, {"execution": execution, "stage": stage, "piece": piece})
    patch_vary_headers(response, ["HX-Request"])
    return response


def _stage(request: Request, execution: Execution, ref: str) -> Stage:
    """The attempt asked for, else the newest, of a stage that has a build."""
    stages = Stage.objects.filter(execution=execution, ref=ref).order_by("-attempt")
    attempt = request.GET.get("attempt", "")
    if attempt:
        stages = stages.filter(attempt=int(attempt) if re.fullmatch("[0-9]{1,5}", attempt) else 0)
    # What a pipeline's author writes into a stage stands in its context, too: only a build that we have followed.
    stage = stages.filter(steps__name__in=(JENKINS.wait, SCRIPT.wait), steps__status=StepStatus.DONE).first()
    if stage is None or not isinstance(stage.context.get("buildNumber"), int):
        raise Http404
    return stage


def _piece(execution: Execution, stage: Stage, start: int | None) -> Piece:
    def at(offset: int) -> str:
        query = urlencode({"attempt": stage.attempt, "start": offset})
        return f"{reverse('pipelines:console', args=[execution.ulid, stage.ref])}?{query}"

    job, number = str(stage.context.get("job")), stage.context["buildNumber"]
    earlier = ""
    try:
        client = client_for(str(stage.context.get("master")), execution.application)
        found = client.console(job, number, start or 0, PIECE_BYTES)
        if start is None and found.size > PIECE_BYTES:
            earlier = at(0)
            found = client.console(job, number, found.size - PIECE_BYTES, PIECE_BYTES)
    except (JenkinsError, StepFailed) as error:
        return Piece(error=error.message, next=at(start or 0), words="Try again")
    left = found.size - found.end
    return Piece(
        redact(found.text),
        at(found.end) if found.has_more or left else "",
        f"{left} more bytes" if left else "Waiting for more",
        earlier,
        _is_at_the_end(found),
    )


def _is_at_the_end(found: Console) -> bool:
    """A page follows what is being written; what is there already comes when it is asked for."""
    return found.has_more and found.end >= found.size
