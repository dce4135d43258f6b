"""Try an expression on an execution, as one of its stages saw it."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from clusters.trust.requests import Request
from pipelines import operations
from pipelines.forms import ExpressionForm
from pipelines.models import Execution, Stage
from pipelines.views.parts import execution_or_404


@require_http_methods(["GET", "HEAD", "POST"])
def expression(request: Request, ulid: str) -> HttpResponse:
    """`?stage=` and `?text=` fill in the form. It is posted so that what is tried stands in no log."""
    execution = execution_or_404(request.actor, ulid)
    stages = [(stage.ref, f"{stage.name} ({stage.ref})") for stage in _stages(execution)]
    context: dict[str, Any] = {"execution": execution}
    status = 200
    if request.method == "POST":
        form = ExpressionForm(request.POST, stages=stages)
        status = 422
        if form.is_valid():
            text, ref = form.cleaned_data["text"], form.cleaned_data["stage"]
            try:
                found = operations.try_expression(request.actor, execution, text, ref)
                shown = json.dumps(found.value, indent=2, ensure_ascii=False)
                context |= {"tried": True, "value": shown, "messages_told": found.messages}
                status = 200
            except operations.TooOften as error:
                form.add_error(None, str(error))
                status = 429
    else:
        form = ExpressionForm(stages=stages, initial={name: request.GET.get(name, "") for name in ("text", "stage")})
    return render(request, "pipelines/expression.html", context | {"form": form}, status=status)


def _stages(execution: Execution) -> list[Stage]:
    """Of the newest attempt each, in order."""
    rows = Stage.objects.filter(execution=execution).only("ref", "name").order_by("position", "attempt")
    return list({stage.ref: stage for stage in rows}.values())
