"""Numbers for Prometheus: how requests go, how old the inventory is, how many executions are under way."""

from __future__ import annotations

from ipaddress import ip_address

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Histogram, generate_latest

from clusters.trust.requests import Request

REQUEST_SECONDS = Histogram("spinnaker_http_request_seconds", "Time to answer a request.", ["method", "status"])


@login_not_required
def metrics(request: Request) -> HttpResponse:
    if not (_is_from_here(request) or request.user.is_authenticated):
        return HttpResponse("Unauthorized\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _is_from_here(request: Request) -> bool:
    """From this host and not through a proxy on it, which would make the whole world local."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
