"""The guarded client against a real server that misbehaves, and names that resolve to where they should not."""

from __future__ import annotations

import base64
import logging
import os
import time
from collections.abc import Iterator

import pytest

from pipelines.clients.addresses import Allowed, matches_host, why_not
from pipelines.clients.http import Answer, Budget, Forbidden, Guard, HttpError, NoAnswer, TooLarge, Unreachable, send
from tests.misbehaving import Server, misbehaving

LOCAL = Guard(Allowed.read(["127.0.0.0/8"]))


@pytest.fixture(scope="module")
def _server() -> Iterator[Server]:
    with misbehaving() as server:
        yield server


@pytest.fixture
def server(_server: Server) -> Server:
    _server.asked.clear()
    return _server


def get(url: str, guard: Guard = LOCAL, **more) -> Answer:
    return send("GET", url, guard=guard, **more)


def test_an_answer_is_given_as_it_is(server: Server):
    answer = send("POST", f"{server.url}/fine", headers={"X-Mine": "1"}, content=b"hello", guard=LOCAL)
    assert (answer.status, answer.text, answer.is_success) == (200, "fine", True)
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.body, asked.headers["X-Mine"]) == ("POST", "/fine", b"hello", "1")
    assert asked.headers["Accept-Encoding"] == "identity"


# Where it may not go.

#: Ways of writing addresses that are not public.
PRIVATE = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.0.0.1.",
    "localhost",
    "LOCALHOST",
    "0.0.0.0",
    "0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.9.9",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "169.254.1.1",
    "0xa9fea9fe",
    "2852039166",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fc00::1]",
    "[ff02::1]",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[::ffff:169.254.169.254]",
    "198.18.0.1",
    "192.0.2.1",
]


@pytest.mark.parametrize("host", PRIVATE)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nothing_that_is_not_public_is_called_however_it_is_written(server: Server, scheme: str, host: str):
    with pytest.raises((Forbidden, Unreachable)):
        get(f"{scheme}://{host}:{server.port}/fine", Guard())
    assert server.asked == []


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "metadata.internal"]
)
def test_the_metadata_service_is_never_called_whatever_is_allowed(host: str):
    allowed = Allowed.read(["0.0.0.0/0", "::/0", "metadata.internal"])
    guard = Guard(allowed, resolver=lambda name, port: ["169.254.169.254"] if "meta" in name else [name.strip("[]")])
    with pytest.raises(Forbidden, match="credentials"):
        get(f"http://{host}/latest/meta-data/", guard)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "//127.0.0.1/",
        "127.0.0.1",
        "",
        "http://",
        "http://ana:pw@127.0.0.1/",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "http://a b/",
        "http://a\x00b/",
    ],
)
def test_what_is_no_plain_web_address_is_refused_and_no_password_is_repeated(url: str):
    with pytest.raises((Forbidden, Unreachable)) as caught:
        get(url)
    assert "pw" not in str(caught.value)


def test_a_name_that_leads_to_a_private_address_too_is_refused(server: Server):
    guard = Guard(resolver=lambda host, port: ["93.184.216.34", "127.0.0.1"])
    with pytest.raises(Forbidden, match=r"127\.0\.0\.1 is not a public address"):
        get(f"https://rebinding.example.org:{server.port}/fine", guard)


def test_a_name_is_resolved_once_and_that_very_address_is_called(server: Server):
    """A name server that says one thing when asked for the check and another for the connection."""
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    guard = Guard(Allowed.read(["127.0.0.1"]), resolver=lambda host, port: next(answers))
    assert get(f"http://rebinding.example.org:{server.port}/fine", guard).status == 200
    assert server.asked[0].headers["Host"] == f"rebinding.example.org:{server.port}"
    with pytest.raises(Forbidden, match=r"127\.0\.0\.2"):
        get(f"http://rebinding.example.org:{server.port}/fine", guard)
    assert len(server.asked) == 1


def test_a_second_address_is_tried_when_the_first_does_not_answer(server: Server):
    guard = Guard(LOCAL.allowed, resolver=lambda host, port: ["127.0.0.9", "127.0.0.1"])
    assert get(f"http://two.example.org:{server.port}/fine", guard).status == 200


def test_plain_http_is_for_what_is_listed():
    guard = Guard(resolver=lambda host, port: ["93.184.216.34"])
    with pytest.raises(Forbidden, match="only be called by https"):
        get("http://example.org/", guard)


@pytest.mark.parametrize(
    ("host", "patterns", "matches"),
    [
        ("ci.internal", ["*.internal"], True),
        ("a.b.internal", ["*.internal"], True),
        ("internal", ["*.internal"], False),
        ("evilinternal", ["*.internal"], False),
        ("CI.Internal.", ["ci.internal"], True),
        ("ci.internal.evil.org", ["ci.internal"], False),
    ],
)
def test_hosts_are_matched_by_whole_labels(host: str, patterns: list[str], matches: bool):
    assert matches_host(host, patterns) is matches


def test_a_listed_host_may_be_private_and_the_others_may_not():
    allowed = Allowed.read(["ci.internal", "10.1.0.0/16"])
    assert why_not("192.168.0.5", "ci.internal", allowed) == ""
    assert why_not("10.1.2.3", "other", allowed) == ""
    assert "not a public address" in why_not("10.2.0.1", "other", allowed)


# Redirects.


def test_a_redirect_is_an_answer_unless_asked_to_be_followed(server: Server):
    assert get(f"{server.url}/elsewhere/302/http://127.0.0.1/fine").status == 302
    assert len(server.asked) == 1


def test_a_redirect_to_the_metadata_service_is_refused(server: Server):
    with pytest.raises(Forbidden, match="credentials"):
        get(f"{server.url}/elsewhere/302/http://169.254.169.254/latest/meta-data/", redirects=3)


@pytest.mark.parametrize("target", ["http://10.0.0.1/", "file:///etc/passwd", "http://u:p@127.0.0.1/", "gopher://x"])
def test_each_redirect_is_checked_as_the_first_address_was(server: Server, target: str):
    with pytest.raises(Forbidden):
        get(f"{server.url}/elsewhere/302/{target}", redirects=3)


def test_no_more_than_three_redirects_are_followed(server: Server):
    answer = get(f"{server.url}/elsewhere/302//elsewhere/302//elsewhere/302//elsewhere/302//fine", redirects=99)
    assert answer.status == 302
    assert len(server.asked) == 4


def test_credentials_do_not_follow_to_another_host(server: Server):
    guard = Guard(LOCAL.allowed, resolver=lambda host, port: ["127.0.0.1"])
    headers = {"Authorization": "Basic c2VjcmV0", "X-Api-Key": "k", "Accept": "text/plain"}
    first = f"http://one.example.org:{server.port}/elsewhere/307"
    get(f"{first}//fine", guard, headers=headers, redirects=1)
    get(f"{first}/http://two.example.org:{server.port}/fine", guard, headers=headers, redirects=1)
    same, other = server.asked[1], server.asked[3]
    assert (same.headers["Authorization"], same.headers["X-Api-Key"]) == ("Basic c2VjcmV0", "k")
    assert (other.headers["Host"], other.headers["Accept"]) == (f"two.example.org:{server.port}", "text/plain")
    assert "Authorization" not in other.headers
    assert "X-Api-Key" not in other.headers


# Bad answers.


def test_a_huge_answer_is_not_taken_or_only_its_beginning(server: Server):
    with pytest.raises(TooLarge, match="more than 1048576 bytes"):
        get(f"{server.url}/huge")
    answer = get(f"{server.url}/huge", most_bytes=1000, may_cut=True)
    assert (len(answer.body), answer.is_cut) == (1000, True)


@pytest.mark.parametrize("path", ["silent", "dripping"])
def test_a_slow_answer_is_given_up_within_the_time_of_a_call(server: Server, path: str):
    began = time.monotonic()
    with pytest.raises(NoAnswer, match="took too long") as caught:
        get(f"{server.url}/{path}", budget=Budget(1.5))
    assert time.monotonic() - began < 2.5
    assert caught.value.may_have_arrived


@pytest.mark.parametrize("path", ["cut", "nonsense", "zipped"])
def test_a_broken_answer_is_no_answer(server: Server, path: str):
    with pytest.raises(NoAnswer) as caught:
        get(f"{server.url}/{path}")
    assert caught.value.may_have_arrived


def test_who_does_not_listen_was_surely_not_reached():
    with pytest.raises(Unreachable) as caught:
        get("http://127.0.0.1:9/fine")
    assert not caught.value.may_have_arrived


def test_a_name_that_does_not_exist_is_unreachable():
    with pytest.raises(Unreachable, match="cannot be resolved"):
        get("https://nothing.invalid/")


# What must not leak.


def test_no_proxy_of_the_environment_is_used(server: Server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert get(f"{server.url}/fine").status == 200
    assert os.environ["HTTP_PROXY"]


@pytest.mark.parametrize("path", ["cut", "nonsense", "elsewhere/302/http://10.0.0.1/"])
def test_no_secret_is_in_an_error_or_in_a_log(server: Server, path: str, caplog):
    caplog.set_level(logging.DEBUG, "django")
    caplog.set_level(logging.INFO)
    secret = "hunter2-the-secret"
    basic = "Basic " + base64.b64encode(f"ana:{secret}".encode()).decode()
    with pytest.raises(HttpError) as caught:
        get(f"{server.url}/{path}?key={secret}", headers={"Authorization": basic}, redirects=1)
    shown = f"{caught.value} {caught.value.__cause__} {caplog.text}"
    assert secret not in shown
    assert basic not in shown


def test_a_header_that_would_begin_another_one_is_refused(server: Server):
    with pytest.raises(Forbidden):
        get(f"{server.url}/fine", headers={"X-Mine": "a\r\nX-Other: b"})
    assert server.asked == []
