"""Who may come in: every address asks for a signed-in user unless it is on the list here."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from clusters.models import Account, Application, Freshness
from spinnaker_web import health

#: Names, or routes, of what is open to everybody, and why it has to be.
OPEN = {
    "login",
    "logout",
    "admin/login/",
    "admin/logout/",
    "health",
    "ready",
    "metrics",  # asks by itself: from this host, or a token
    "admin:login",
    "admin:jsi18n",  # a catalogue of words
    "admin/(?P<url>.*)$",  # Django's own 404 for what is not there
}
#: Inbound webhooks authenticate each request by themselves.
OPEN_BELOW = ("hooks/",)


def doors(resolver: URLResolver, prefix: str = "", space: str = "") -> Iterator[tuple[str, str, URLPattern]]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from doors(entry, route, f"{entry.namespace}:" if entry.namespace else space)
        else:
            yield route, space + (entry.name or ""), entry


def test_no_address_is_open_that_is_not_on_the_list() -> None:
    found = list(doors(get_resolver()))
    assert len(found) > 30
    is_open = {
        name if name in OPEN else route
        for route, name, entry in found
        if not getattr(entry.callback, "login_required", True) and not route.startswith(OPEN_BELOW)
    }
    assert is_open <= OPEN


def test_nobody_can_put_a_function_on_the_queue_from_a_browser() -> None:
    assert not [route for route, _, _ in doors(get_resolver()) if "rq" in route or "enqueue" in route]


@pytest.mark.parametrize(
    "path", ["/", "/apps", "/me", "/executions", "/turn", "/admin/", "/live", "/apps/shop/clusters/a/b/c/destroy"]
)
def test_an_anonymous_visitor_is_sent_to_sign_in_and_back(path: str, client: Client, db: None) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert "/login/?next=" in answer.headers["Location"] or "/login?next=" in answer.headers["Location"]


def test_health_needs_no_database(client: Client, django_db_blocker) -> None:
    with django_db_blocker.block():
        assert client.get("/health").json() == {"status": "ok"}


def test_ready_tells_what_is_missing(client: Client, db: None, settings, monkeypatch) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    assert client.get("/ready").json() == {"status": "ok", "redis": "off"}  # it works without
    monkeypatch.setattr(health, "_known_migrations", lambda: frozenset({("clusters", "9999_to_come")}))
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "1 migrations are not applied")


def test_metrics_tell_of_the_inventory_and_the_executions(client: Client, db: None) -> None:
    account = Account.objects.create(name="main", provider="memory")
    Freshness.objects.create(
        account=account, region="local", kind="images", refreshed_at=timezone.now() - timedelta(seconds=90)
    )
    text = client.get("/metrics", REMOTE_ADDR="127.0.0.1").text
    assert "spinnaker_database_up 1.0" in text
    assert 'spinnaker_inventory_age_seconds{account="main",kind="images",region="local"} 90.' in text
    assert "# TYPE spinnaker_open_executions gauge" in text


def test_metrics_are_for_this_host_and_for_holders_of_a_token(client: Client, db: None) -> None:
    assert "spinnaker_http_request_seconds" in client.get("/metrics", REMOTE_ADDR="127.0.0.1").text
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.8").status_code == 401
    through_a_proxy = client.get("/metrics", REMOTE_ADDR="127.0.0.1", headers={"X-Forwarded-For": "10.0.0.8"})
    assert through_a_proxy.status_code == 401


@pytest.mark.parametrize("path", ["/login", "/nothing", "/health", "/packages/a/1"])
def test_every_answer_has_strict_headers_and_an_id(path: str, client: Client, db: None) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert len(headers["X-Request-Id"]) == 32
    asked = client.get(path, headers={"X-Request-Id": "proxy-0123456789"}).headers["X-Request-Id"]
    assert asked == "proxy-0123456789"
    assert client.get(path, headers={"X-Request-Id": 'x"<script>'}).headers["X-Request-Id"] != 'x"<script>'


def test_what_somebody_may_not_see_looks_like_what_is_not_there(as_ana: Client, ana: User) -> None:
    Application.objects.create(name="secret")
    hidden, missing = as_ana.get("/apps/secret/clusters"), as_ana.get("/apps/nothing/clusters")
    assert hidden.status_code == missing.status_code == 404
    assert strip(hidden) == strip(missing)


def strip(answer) -> str:
    return answer.text.split("<main")[1].split("Reference")[0]
