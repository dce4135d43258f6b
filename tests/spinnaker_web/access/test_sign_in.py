"""Signing in and out: who gets in, where they go, and how often one may try."""

import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from spinnaker_web.access import session_limits, throttle
from spinnaker_web.access.models import SignInTry
from tests.spinnaker_web.conftest import PASSWORD


@pytest.fixture(autouse=True)
def quick_hashes(settings) -> None:
    """Dozens of tries are made here; how slow the real hash is, is not the question."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


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
    assert SignInTry.objects.count() == 3 * throttle.TRIES  # refused tries do not prolong it; each counts three times
    SignInTry.objects.update(at=timezone.now() - throttle.WINDOW - timedelta(seconds=1))
    assert sign_in(client).status_code == 302


def try_from(address: str, name: str = "ana", password: str = "no", client: Client | None = None) -> int:
    data = {"username": name, "password": password}
    return (client or Client()).post("/login", data, REMOTE_ADDR=address).status_code


def test_one_password_tried_on_many_people_is_refused(ana: User) -> None:
    tried = [try_from("10.0.0.1", f"person{n}") for n in range(throttle.TRIES_OF_ADDRESS)]
    assert set(tried) == {422}
    assert try_from("10.0.0.1", "ana", PASSWORD) == 429
    assert try_from("10.0.0.2", "ana", PASSWORD) == 302


def test_many_addresses_tried_on_one_person_are_refused(ana: User) -> None:
    tried = [try_from(f"10.0.0.{n}") for n in range(throttle.TRIES_ON_ACCOUNT)]
    assert set(tried) == {422}
    assert try_from("10.0.1.1") == 429
    assert try_from("10.0.1.1", "ben") == 422


def test_all_addresses_of_one_ipv6_network_are_one(ana: User) -> None:
    assert {try_from(f"2001:db8::{n}") for n in range(1, throttle.TRIES + 1)} == {422}
    assert try_from("2001:db8::ffff") == 429
    assert try_from("2001:db8:0:1::1") == 422


def test_nobody_is_locked_out_of_the_browser_they_sign_in_with(ana: User) -> None:
    hers = Client()
    assert try_from("10.0.0.9", "ana", PASSWORD, hers) == 302
    hers.post("/logout")
    for n in range(throttle.TRIES_ON_ACCOUNT + throttle.TRIES):
        try_from(f"10.0.0.{n}")
    assert try_from("10.0.1.1", "ana", PASSWORD) == 429
    assert try_from("10.0.1.1", "ana", PASSWORD, hers) == 302, "also in another network"


def test_a_known_browser_may_not_guess_more_often_either_nor_at_others(ana: User) -> None:
    hers = Client()
    try_from("10.0.0.9", "ana", PASSWORD, hers)
    hers.post("/logout")
    assert {try_from(f"10.0.0.{n}", client=hers) for n in range(throttle.TRIES)} == {422}
    assert try_from("10.0.1.1", "ana", PASSWORD, hers) == 429
    assert {try_from("10.0.2.1", "ben", client=hers) for _ in range(throttle.TRIES)} == {422}
    assert try_from("10.0.2.1", "ben", client=hers) == 429
    hers.cookies[throttle.COOKIE] = "x" + hers.cookies[throttle.COOKIE].value
    assert try_from("10.0.0.9", client=hers) == 422, "a forged cookie counts as none"
    cookie = Client()
    cookie.post("/login", {"username": "ana", "password": PASSWORD}, REMOTE_ADDR="10.9.9.9")
    assert cookie.cookies[throttle.COOKIE]["httponly"]
    assert "ana" not in cookie.cookies[throttle.COOKIE].value


def test_signing_in_oneself_does_not_wash_away_tries_at_others(ana: User) -> None:
    for n in range(throttle.TRIES_OF_ADDRESS):
        try_from("10.0.0.1", f"person{n}")
        if n % 10 == 0:
            assert try_from("10.0.0.1", "ana", PASSWORD) == 302
    assert try_from("10.0.0.1", "somebody") == 429


def test_a_session_ends_when_its_person_does_nothing_for_an_hour(client: Client, ana: User) -> None:
    sign_in(client)
    client.get("/me")

    def rest(seconds: int, key: str = session_limits.SEEN) -> None:
        session = client.session
        session[key] -= seconds
        session.save()

    rest(3500)
    client.get("/apps", headers={"HX-Request": "true"})  # a page that is open fetches its parts by itself
    assert client.session[session_limits.SEEN] < time.time() - 3400
    assert client.get("/me").status_code == 200
    assert client.session[session_limits.SEEN] > time.time() - 60
    rest(3600 + session_limits.STEP_SECONDS + 1)
    assert client.get("/me").headers["Location"] == "/login?next=/me"


def test_a_session_ends_after_twelve_hours_however_busy(client: Client, ana: User) -> None:
    sign_in(client)
    client.get("/me")
    session = client.session
    session[session_limits.BEGAN] -= 12 * 3600 + 1
    session.save()
    assert client.get("/me").status_code == 302
    assert not client.session.get(session_limits.BEGAN)


def test_sessions_end_by_idleness_only_where_that_is_set(client: Client, ana: User, settings) -> None:
    settings.SESSION_IDLE_SECONDS = 0
    sign_in(client)
    client.get("/me")
    session = client.session
    session[session_limits.SEEN] -= 5 * 3600
    session.save()
    assert client.get("/me").status_code == 200


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
