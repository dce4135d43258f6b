"""Pages for what went wrong: what happened, that nothing was changed, and what to do. JSON for programs."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from clusters import operations as cluster_operations
from clusters.providers import base
from clusters.trust.permissions import Refused
from clusters.trust.requests import Request
from pipelines import operations as pipeline_operations
from spinnaker_web.access.tokens import is_api

CONFLICTS = (cluster_operations.Conflict, base.Conflict, pipeline_operations.Conflict)

_SENTENCES = {
    403: "You may not do this.",
    404: "There is nothing at this address, or you may not see it.",
    409: "Somebody else was faster.",
    500: "Something broke on our side.",
}


def forbidden(request: Request, exception: Exception) -> HttpResponse:
    return _page(request, 403, exception.message if isinstance(exception, Refused) else "")


def csrf_failure(request: Request, reason: str = "") -> HttpResponse:
    return _page(request, 403, "This form is too old or was not ours. Load the page again and send it once more.")


def not_found(request: Request, exception: Exception) -> HttpResponse:
    return _page(request, 404)


def broken(request: Request) -> HttpResponse:
    """Rendered without the request: the frame's queries may be what broke."""
    if is_api(request):
        return _json(request, 500, _SENTENCES[500])
    context = {"status": 500, "message": _SENTENCES[500], "request_id": getattr(request, "id", "")}
    return HttpResponse(render_to_string("error.html", context), status=500)


def is_conflict(error: Exception) -> bool:
    """The state has moved on, or the thing is in use."""
    return isinstance(error, CONFLICTS)


def conflict(request: Request, error: Exception) -> HttpResponse:
    return _page(request, 409, str(error))


def _page(request: Request, status: int, message: str = "") -> HttpResponse:
    message = message or _SENTENCES[status]
    if is_api(request):
        return _json(request, status, message)
    context = {"status": status, "message": message}
    return render(request, "error.html", context, status=status)


def _json(request: Request, status: int, message: str) -> JsonResponse:
    """Clients of Gate decode timestamp, status, error and message, and crash when one is missing."""
    body: dict[str, Any] = {"error": message, "request_id": getattr(request, "id", "")}
    if request.path.startswith("/gate/"):
        now = round(time.time() * 1000)
        body |= {"timestamp": now, "status": status, "error": HTTPStatus(status).phrase, "message": message}
    return JsonResponse(body, status=status)
