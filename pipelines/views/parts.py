"""One URL, one view, one context: the whole page, or the part of it that htmx asks for."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from clusters.models import Application
from clusters.trust.permissions import Actor
from clusters.trust.requests import Request
from pipelines.models import Execution, Pipeline
from pipelines.queries import visible, whole


def answer(
    request: Request, page: str, context: dict[str, Any], *, parts: dict[str, str] | None = None
) -> HttpResponse:
    """`parts`: element id -> template of that element alone."""
    target = request.htmx.target or "" if request.htmx else ""
    response = render(request, (parts or {}).get(target, page), context)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def application_or_404(actor: Actor, name: str) -> Application:
    try:
        return visible.application(actor, name)
    except Application.DoesNotExist:
        raise Http404 from None


def pipeline_or_404(actor: Actor, name: str, pipeline_id: str) -> Pipeline:
    try:
        return visible.pipelines(actor).get(pk=pipeline_id, application__name=name)
    except Pipeline.DoesNotExist:
        raise Http404 from None


def execution_or_404(actor: Actor, ulid: str) -> Execution:
    try:
        return whole.find(actor, ulid)
    except Execution.DoesNotExist:
        raise Http404 from None
