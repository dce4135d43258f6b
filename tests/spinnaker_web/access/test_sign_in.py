"""Signing in and out: who gets in, where they go, and how often one may try."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from spinnaker_web.access import throttle
from spinnaker_web.access.models import SignInTry
from tests.spinnaker_web.conftest import PASSWORD


def sign_in(client: Client, name: str = "ana", password: str = PASSWORD, **more: str):
    return client.post("/login", {"username": name, "password": password, **more})


def test_the_right_password_leads_to_where_one_wanted_to_go(client: Client, ana: User) -> None:
    assert sign_in(client, next="/me").headers["Location"] == "/me"
    assert client.get("/me").status_code == 200


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_signing_in_never_leads_to_another_site(client: Client, ana: User, elsewhere: str) -> None:
    assert sign_in(client, next=elsewhere).headers["Location"] == "/"


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(client: Client, ana: User) -> None:
    wrong_password, wrong_name = sign_in(client, password="no"), sign_in(client, name="nobody")
    assert wrong_password.status_code == wrong_name.status_code == 422
    said = "This name and this password do not belong together."
    assert said in wrong_password.text
    assert said in wrong_name.text
    assert PASSWORD not in wrong_name.text


def test_the_sixth_try_within_a_minute_is_refused_even_with_the_right_password(client: Client, ana: User) -> None:
    for _ in range(throttle.TRIES):
        assert sign_in(client, password="no").status_code == 422
    assert sign_in(client).status_code == 429
    assert sign_in(client, name="ANA").status_code == 429  # case is no way around
    assert sign_in(client, name="ben").status_code == 422  # somebody else is not locked out


def test_after_a_minute_one_may_try_again(client: Client, ana: User) -> None:
    for _ in range(throttle.TRIES + 3):
        sign_in(client, password="no")
    assert SignInTry.objects.count() == throttle.TRIES  # refused tries do not prolong it
    SignInTry.objects.update(at=timezone.now() - throttle.WINDOW - timedelta(seconds=1))
    assert sign_in(client).status_code == 302


def test_the_throttle_also_guards_the_door_of_the_administration(client: Client, ana: User) -> None:
    for _ in range(throttle.TRIES):
        client.post("/admin/login/", {"username": "ana", "password": "no"})
    assert client.post("/admin/login/", {"username": "ana", "password": PASSWORD}).status_code == 429


def test_no_name_is_stored_of_those_who_fail(client: Client, ana: User) -> None:
    sign_in(client, name="a password typed into the wrong field", password="x")
    assert "password" not in str(SignInTry.objects.values())


def test_the_session_gets_a_new_key_and_ends_on_the_server_when_one_signs_out(client: Client, ana: User) -> None:
    client.get("/login")
    sign_in(client)
    stolen = client.cookies["sessionid"].value
    assert client.get("/logout").status_code == 405
    assert client.post("/logout").headers["Location"] == "/login"
    thief = Client()
    thief.cookies["sessionid"] = stolen
    assert thief.get("/me").status_code == 302


def test_a_part_asked_for_after_the_session_ended_reloads_the_page(client: Client, db: None) -> None:
    answer = client.get("/apps", headers={"HX-Request": "true"})
    assert answer.headers["HX-Refresh"] == "true"


def test_a_form_without_the_token_of_the_site_is_refused(ana: User) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = sign_in(client)
    assert answer.status_code == 403
    assert "Load the page again" in answer.text


def test_who_is_signed_in_but_no_administrator_is_told_so_at_the_door_of_the_administration(as_ana: Client) -> None:
    answer = as_ana.get("/admin/", follow=True)
    assert answer.status_code == 403
    assert "ana is not among the administrators." in answer.text


def test_an_administrator_who_is_signed_in_goes_through_it(as_ana: Client, ana: User) -> None:
    ana.is_staff = True
    ana.save()
    assert as_ana.get("/admin/login/?next=/admin/").headers["Location"] == "/admin/"
    assert as_ana.get("/admin/").status_code == 200
