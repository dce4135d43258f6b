"""A person's own page: theme, and tokens for programs."""

import hashlib
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from clusters.models import AuditEntry
from spinnaker_web.access import tokens
from spinnaker_web.access.models import ApiToken


def bearer(token: str, **more: bool) -> Client:
    return Client(headers={"Authorization": f"Bearer {token}"}, **more)


def test_a_theme_is_kept_for_the_next_session(as_ana: Client, ana: User) -> None:
    as_ana.post("/me/theme", {"theme": "dark"})
    assert '<html lang="en" data-now=' in as_ana.get("/me").text
    assert 'data-theme="dark"' in as_ana.get("/me").text
    other = Client()
    other.post("/login", {"username": "ana", "password": "a password for tests only"})
    assert 'data-theme="dark"' in other.get("/me").text
    assert as_ana.post("/me/theme", {"theme": "pink"}).status_code == 422


def test_a_token_is_shown_once_and_stored_as_a_digest(as_ana: Client) -> None:
    page = as_ana.post("/me/tokens", {"name": "CI"})
    assert page.status_code == 201
    token = page.context["new_token"]
    assert token in page.text
    assert token not in as_ana.get("/me").text
    assert ApiToken.objects.get().digest == hashlib.sha256(token.encode()).hexdigest()
    assert as_ana.post("/me/tokens", {"name": ""}).status_code == 422


def test_a_token_opens_api_paths_and_no_others(ana: User) -> None:
    program = bearer(tokens.make(ana, "CI"))
    assert program.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 200
    assert program.get("/me").status_code == 302
    assert ApiToken.objects.get().last_used_at is not None


def test_a_program_with_a_token_needs_no_token_of_a_form_and_a_browser_does(ana: User, as_ana: Client) -> None:
    path = "/packages/shop/1.0?account=none"
    assert bearer(tokens.make(ana, "CI"), enforce_csrf_checks=True).put(path, b"").status_code == 422
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ana)
    assert browser.put(path, b"").status_code == 403


@pytest.mark.parametrize("header", ["", "Bearer nothing", "Bearer ", "Basic YW5hOngK"])
def test_without_a_token_a_program_is_told_so_in_json(db: None, header: str) -> None:
    answer = Client(headers={"Authorization": header} if header else {}).put("/packages/shop/1.0", b"")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "error" in answer.json()


def test_a_token_ends_with_its_user_and_when_it_is_revoked(ana: User, as_ana: Client) -> None:
    token = tokens.make(ana, "CI")
    ana.is_active = False
    ana.save()
    assert tokens.bearer(token) is None
    ana.is_active = True
    ana.save()
    assert tokens.bearer(token) == (ana, frozenset())
    as_ana.post(f"/me/tokens/{ApiToken.objects.get().pk}/revoke")
    assert tokens.bearer(token) is None


def test_nobody_revokes_the_token_of_somebody_else(ana: User) -> None:
    tokens.make(ana, "CI")
    stranger = Client()
    stranger.force_login(User.objects.create_user("ben"))
    assert stranger.post(f"/me/tokens/{ApiToken.objects.get().pk}/revoke").status_code == 404
    assert ApiToken.objects.count() == 1


def test_a_token_ends_by_itself_after_ninety_days_unless_chosen_otherwise(ana: User, as_ana: Client) -> None:
    made = as_ana.post("/me/tokens", {"name": "CI"})
    token = ApiToken.objects.get()
    assert abs(token.expires_at - token.created_at - timedelta(days=90)) < timedelta(seconds=5)
    assert f"ends {token.expires_at:%-d %B %Y}" in as_ana.get("/me").text
    program = bearer(made.context["new_token"])
    assert program.get("/gate/applications").status_code == 200
    ApiToken.objects.update(expires_at=timezone.now())
    answer = program.get("/gate/applications")
    assert (answer.status_code, answer.json()) == (401, {"error": "This token is not known, or no longer."})
    assert "ended" in as_ana.get("/me").text
    assert as_ana.post("/me/tokens", {"name": "x", "days": "100000"}).status_code == 422
    as_ana.post("/me/tokens", {"name": "for ever", "days": "never"})
    assert ApiToken.objects.get(name="for ever").expires_at is None


def test_making_and_revoking_a_token_is_audited_without_it(ana: User, as_ana: Client) -> None:
    token = as_ana.post("/me/tokens", {"name": "CI", "days": "7"}).context["new_token"]
    as_ana.post(f"/me/tokens/{ApiToken.objects.get().pk}/revoke")
    made, revoked = AuditEntry.objects.order_by("id")
    assert (made.action, revoked.action, made.actor) == ("token.make", "token.revoke", "ana")
    assert token not in str([made.after, revoked.before])
