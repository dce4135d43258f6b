"""Numbers for Prometheus: how requests go, how old the inventory is, how many executions are under way."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.db.models import Count
from django.http import HttpResponse
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from clusters.models import Freshness
from clusters.trust.requests import Request
from pipelines.models import Execution

REQUEST_SECONDS = Histogram("spinnaker_http_request_seconds", "Time to answer a request.", ["method", "status"])


class Stored(Collector):
    """Read from the database with each scrape, so that any process can be asked and all say the same."""

    def describe(self) -> Iterator[Metric]:
        return iter(())  # else the registry would collect, and so query, while modules are being imported

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("spinnaker_database_up", "1 when the database answers.")
        try:
            found = [_ages(), _open_executions()]
        except DatabaseError:
            found = []
        up.add_metric([], int(bool(found)))
        yield from (up, *found)


REGISTRY.register(Stored())


@login_not_required
def metrics(request: Request) -> HttpResponse:
    if not (_is_from_here(request) or request.user.is_authenticated):
        return HttpResponse("Unauthorized\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _ages() -> Metric:
    ages = GaugeMetricFamily(
        "spinnaker_inventory_age_seconds", "Since rows were last read.", labels=["account", "region", "kind"]
    )
    now = timezone.now()
    for place in Freshness.objects.exclude(refreshed_at=None):
        if place.refreshed_at:
            ages.add_metric([place.account_id, place.region, place.kind], (now - place.refreshed_at).total_seconds())
    return ages


def _open_executions() -> Metric:
    executions = GaugeMetricFamily("spinnaker_open_executions", "Executions that have not ended.", labels=["status"])
    counted = Execution.objects.open().values_list("status").annotate(Count("pk"))
    for status, count in counted:
        executions.add_metric([status], count)
    return executions


def _is_from_here(request: Request) -> bool:
    """From this host and not through a proxy on it, which would make the whole world local."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
