"""What every request gets: an id in its logs and its answer, somebody who acts, headers that keep browsers strict."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from typing import cast

import structlog
from django.http import HttpResponse
from django.utils.functional import SimpleLazyObject

from clusters.trust import audit
from clusters.trust.permissions import Actor, actor_of
from clusters.trust.requests import Request
from spinnaker_web import errors, metrics

GetResponse = Callable[[Request], HttpResponse]

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Content-Type-Options": "nosniff",
}

log = structlog.get_logger("spinnaker.request")


class RequestContextMiddleware:
    """Outermost, so that its id and headers are on every answer, also on those of other middleware."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        request.id = _request_id(request)
        request.memo = {}
        # Lazy: most static and health requests never ask, and nobody is signed in yet at this point.
        request.actor = cast(Actor, SimpleLazyObject(lambda: actor_of(request.user)))
        token = audit.REQUEST.set(audit.Request(request.id, request.META.get("REMOTE_ADDR", "")))
        structlog.contextvars.bind_contextvars(request_id=request.id)
        started = time.perf_counter()
        try:
            response = _senseless(request) or self.get_response(request)
            self._note(request, response, time.perf_counter() - started)
        finally:
            audit.REQUEST.reset(token)
            structlog.contextvars.unbind_contextvars("request_id")
        return response

    def process_exception(self, request: Request, error: Exception) -> HttpResponse | None:
        return errors.conflict(request, error) if errors.is_conflict(error) else None

    def _note(self, request: Request, response: HttpResponse, seconds: float) -> None:
        for name, value in _HEADERS.items():
            response.setdefault(name, value)
        response["X-Request-Id"] = request.id
        metrics.REQUEST_SECONDS.labels(request.method, str(response.status_code)).observe(seconds)
        log.info(
            "answered",
            method=request.method,
            path=request.path,  # without the query: filters are nobody's business
            status=response.status_code,
            ms=round(seconds * 1000, 1),
        )


def _senseless(request: Request) -> HttpResponse | None:
    """No name holds U+0000, and the database takes no question with it."""
    if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
        return HttpResponse("This address cannot be.\n", status=400, content_type="text/plain")
    return None


def _request_id(request: Request) -> str:
    """The proxy's id when it is a plain one, so that its log and ours can be joined."""
    given = request.headers.get("X-Request-Id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
