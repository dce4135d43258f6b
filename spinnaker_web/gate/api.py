"""The API under /gate/. A token or a session; a session needs the CSRF header for all that changes something."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpResponse
from django.utils import timezone
from ninja import NinjaAPI
from ninja.errors import ValidationError
from ninja.utils import check_csrf

from clusters.trust.permissions import Actor, Refused
from clusters.trust.requests import Request
from pipelines.clients.jenkins import JenkinsError, NotFound
from pipelines.core.plan import StepFailed
from pipelines.operations import Conflict, InvalidInput, TooOften
from spinnaker_web.gate.shapes import epoch_ms

SAFE = ("GET", "HEAD", "OPTIONS")


def signed_in(request: Request) -> Actor | None:
    """The middleware has refused everybody else already; this is the second lock."""
    if request.method not in SAFE and check_csrf(request):
        raise Refused("Send the X-CSRFToken header, or use a token.")
    return request.actor if request.user.is_authenticated else None


#: No page with documentation: it would need scripts from elsewhere. The description itself is at /gate/openapi.json.
api = NinjaAPI(title="Gate", version="1", urls_namespace="gate", auth=signed_in, docs_url=None)


def problem(request: Request, status: HTTPStatus, message: str, **more: Any) -> HttpResponse:
    """Clients decode all four of these and one of them crashes when a field is missing."""
    body = {"timestamp": epoch_ms(timezone.now()), "status": status, "error": status.phrase, "message": message}
    return api.create_response(request, body | more, status=status)


@api.exception_handler(InvalidInput)
def _invalid(request: Request, error: InvalidInput) -> HttpResponse:
    errors = [{"path": one.path, "message": one.message, "severity": one.severity} for one in error.problems]
    return problem(request, HTTPStatus.BAD_REQUEST, str(error), errors=errors)


@api.exception_handler(ValidationError)
def _malformed(request: Request, error: ValidationError) -> HttpResponse:
    errors = [{"path": ".".join(map(str, one["loc"])), "message": one["msg"]} for one in error.errors]
    return problem(request, HTTPStatus.BAD_REQUEST, "The request is not as expected.", errors=errors)


@api.exception_handler(JenkinsError)
def _no_build_service(request: Request, error: JenkinsError) -> HttpResponse:
    status = HTTPStatus.NOT_FOUND if isinstance(error, NotFound) else HTTPStatus.BAD_GATEWAY
    return problem(request, status, error.message)


@api.exception_handler(StepFailed)
def _unusable(request: Request, error: StepFailed) -> HttpResponse:
    return problem(request, HTTPStatus.BAD_GATEWAY, error.message)


@api.exception_handler(Refused)
def _refused(request: Request, error: Refused) -> HttpResponse:
    return problem(request, HTTPStatus.FORBIDDEN, error.message)


@api.exception_handler(Conflict)
def _conflict(request: Request, error: Conflict) -> HttpResponse:
    return problem(request, HTTPStatus.CONFLICT, str(error))


@api.exception_handler(TooOften)
def _too_often(request: Request, error: TooOften) -> HttpResponse:
    return problem(request, HTTPStatus.TOO_MANY_REQUESTS, str(error))


@api.exception_handler(Http404)
def _missing(request: Request, error: Http404) -> HttpResponse:
    return problem(request, HTTPStatus.NOT_FOUND, str(error) or "There is nothing here, or you may not see it.")
