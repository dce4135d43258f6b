"""Webhooks on the real engine, against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction

from clusters.models import AuditEntry, Secret
from clusters.trust import secrets
from clusters.trust.permissions import actor_of
from pipelines.engine import speak
from tests.pipelines.stages.conftest import World
from tests.scripted_server import Script, scripted


@pytest.fixture
def site(world: World, settings) -> Iterator[Script]:
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    settings.SECRETS_KEYS = ["a key for tests only, long enough for all"]
    with scripted() as site:
        yield site


def hook(site: Script, **fields) -> dict:
    return {"type": "webhook", "name": "Tell", "url": f"{site.url}/hook", **fields}


WAITS = {
    "waitForCompletion": True,
    "statusJsonPath": "$.state",
    "successStatuses": "done, OK",
    "terminalStatuses": "bad",
}
STEPS = "[createWebhook,monitorWebhook]"


def test_the_payload_arrives_and_the_answer_is_told(world: World, site: Script):
    site.on("POST /hook", (201, {"id": 7}, {"X-Request": "r", "Set-Cookie": "session=1"}))
    execution = world.run(hook(site, payload={"a": [1]}, customHeaders={"X-Mine": "m"}))
    assert execution.status == "SUCCEEDED", execution.message
    (asked,) = site.asked
    assert (json.loads(asked.body), asked.headers["Content-Type"]) == ({"a": [1]}, "application/json")
    assert asked.headers["X-Mine"] == "m"
    assert asked.headers["Idempotency-Key"] == world.step("createWebhook").token
    told = world.stage("Tell").context["webhook"]
    assert (told["statusCode"], told["statusCodeValue"], told["body"]) == ("CREATED", 201, {"id": 7})
    assert told["headers"]["x-request"] == "r"
    assert "set-cookie" not in told["headers"]
    assert world.stage("Tell").outputs["webhook"] == told
    audited = AuditEntry.objects.get(action="webhook.call")
    assert (audited.object_id, audited.after) == (site.url, {"method": "POST"})


@pytest.mark.parametrize(
    ("given", "body", "kind"),
    [
        ({"payload": "plain text"}, b"plain text", "text/plain; charset=utf-8"),
        ({"payload": "<a/>", "customHeaders": {"content-type": "text/xml"}}, b"<a/>", "text/xml"),
        ({"payload": [1, 2]}, b"[1, 2]", "application/json"),
        ({}, b"", None),
        ({"method": "put", "payload": {}}, b"{}", "application/json"),
    ],
)
def test_what_is_sent_is_what_was_given(world: World, site: Script, given: dict, body: bytes, kind: str | None):
    site.on(f"{given.get('method', 'POST').upper()} /hook", 200)
    assert world.run(hook(site, **given)).status == "SUCCEEDED"
    assert (site.asked[0].body, site.asked[0].headers["Content-Type"]) == (body, kind)


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b'{"a": "\\u0000"}',
        b"\x00\xff",
        b'{"a": NaN}',
        b'"\\ud800"',
        b"[" * 5000,
        b'{"t": "AKIAABCDEFGHIJKLMNOP"}',
    ],
)
def test_any_answer_can_be_kept_and_no_credential_is(world: World, site: Script, body: bytes):
    site.on("POST /hook", (200, body, {}))
    assert world.run(hook(site)).status == "SUCCEEDED"
    assert "AKIA" not in json.dumps(world.stage("Tell").context)


@pytest.mark.parametrize(
    ("replies", "fields", "status", "calls"),
    [
        ([400], {}, "TERMINAL", 1),
        ([404], {"retryStatusCodes": [404]}, "RUNNING", 6),
        ([503, 429, 200], {}, "SUCCEEDED", 3),
        (["drop", 200], {}, "SUCCEEDED", 2),
        ([504], {}, "TERMINAL", 1),
        ([504, 200], {"failFastStatusCodes": []}, "SUCCEEDED", 2),
        ([503], {"failFastStatusCodes": ["503"]}, "TERMINAL", 1),
        ([404, 404, 200], {"retries": {"404": {"maxAttempts": 2}}}, "SUCCEEDED", 3),
        ([404, 404, 404, 200], {"retries": {"404": {"maxAttempts": 2}}}, "TERMINAL", 3),
        ([(302, b"", {"Location": "/other"})], {}, "TERMINAL", 1),
    ],
)
def test_a_status_ends_it_or_is_tried_again(world: World, site: Script, replies, fields, status, calls):
    site.on("POST /hook", *replies)
    world.begin(hook(site, **fields))
    assert world.go_on(looks=6).status == status
    assert len(site.asked) == calls
    assert len({one.headers["Idempotency-Key"] for one in site.asked}) == 1


def test_a_refusal_is_told_with_what_was_said(world: World, site: Script):
    site.on("POST /hook", (422, {"error": "no such thing"}, {}))
    world.run(hook(site))
    stage = world.stage("Tell")
    assert stage.message == f"POST {site.url} answers 422 UNPROCESSABLE_ENTITY."
    assert stage.context["webhook"]["body"] == {"error": "no such thing"}
    assert "422" in stage.context["webhook"]["error"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://169.254.169.254/latest/meta-data/", "hands out credentials"),
        ("http://10.0.0.1/", "not a public address"),
        ("https://user:hunter2@127.0.0.1/", "Credentials do not belong"),
        ("ftp://127.0.0.1/", "Only http:// and https://"),
        ("http://[", "not an address"),
        ("http://a b/", "not an address"),
    ],
)
def test_an_address_that_may_not_be_called_fails_the_stage_at_once(world: World, site: Script, url, why):
    execution = world.run(hook(site, url=url))
    assert execution.status == "TERMINAL"
    assert why in world.stage("Tell").message
    assert "hunter2" not in world.stage("Tell").message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"method": "BREW"}, "method: one of GET, HEAD, POST, PUT, PATCH, DELETE"),
        ({"statusJsonPath": "$..a"}, "statusJsonPath: not understood from position 2 on: ..a"),
        ({"statusUrlResolution": "guess"}, "statusUrlResolution"),
        ({"retries": {"404": {"maxAttempts": -1}}}, "retries.404.maxAttempts"),
    ],
)
def test_what_cannot_be_read_names_its_field(world: World, site: Script, fields: dict, message: str):
    assert world.run(hook(site, **fields)).status == "TERMINAL"
    assert message in world.stage("Tell").message
    assert site.asked == []


def test_who_may_not_run_the_application_calls_nobody(world: World, site: Script):
    world.actor = actor_of(get_user_model().objects.create_user("mallory"))
    world.run(hook(site))
    assert "mallory lacks EXECUTE" in world.stage("Tell").message
    assert site.asked == []


def test_a_secret_header_is_sent_to_its_host_and_kept_nowhere(world: World, site: Script):
    value = "korrekt-horse-battery"
    Secret.objects.create(name="api", sealed=secrets.seal(value), applications=["shop"], hosts=["127.0.0.1"])
    site.on("POST /hook", {"you sent": value})
    assert world.run(hook(site, customHeaders={"X-Api-Key": "secret:api"})).status == "SUCCEEDED"
    assert site.asked[0].headers["X-Api-Key"] == value
    with connection.cursor() as cursor:
        for table in ("pipelines_stage", "pipelines_step", "pipelines_event", "clusters_auditentry"):
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", [f"%{value}%"])
            assert cursor.fetchone() == (0,), table
    Secret.objects.update(hosts=["elsewhere"])
    assert world.run(hook(site, customHeaders={"X-Api-Key": "secret:api"})).status == "TERMINAL"
    assert "not meant for host 127.0.0.1" in world.execution.message


# Followed to its end.


def test_by_default_the_same_address_is_looked_at(world: World, site: Script):
    site.on("POST /hook", 202)
    site.on("GET /hook", {"state": "working"}, {"state": "Done"})
    execution = world.run(hook(site, **WAITS))
    assert execution.status == "SUCCEEDED", execution.message
    assert site.calls() == ["POST /hook", "GET /hook", "GET /hook"]
    assert world.tree() == [f"1 webhook 'Tell' {STEPS}"]
    assert world.stage("Tell").context["webhook"]["monitor"]["body"] == {"state": "Done"}


@pytest.mark.parametrize(
    ("reply", "fields"),
    [
        ((201, b"", {"Location": "/jobs/7"}), {"statusUrlResolution": "locationHeader"}),
        ((303, b"", {"Location": "jobs/7"}), {"statusUrlResolution": "locationHeader"}),
    ],
)
def test_or_the_one_that_the_location_names(world: World, site: Script, reply, fields):
    site.on("POST /hook", reply)
    site.on("GET /jobs/7", {"state": "OK"})
    assert world.run(hook(site, **WAITS, **fields)).status == "SUCCEEDED"
    assert world.stage("Tell").context["webhook"]["statusEndpoint"] == f"{site.url}/jobs/7"


def test_or_the_one_that_the_answer_holds(world: World, site: Script):
    site.on("POST /hook", {"links": [{"href": f"{site.url}/jobs/8"}]})
    site.on("GET /jobs/8", {"state": "OK"})
    fields = {"statusUrlResolution": "webhookResponse", "statusUrlJsonPath": "$.links[0].href"}
    assert world.run(hook(site, **WAITS, **fields)).status == "SUCCEEDED"


def test_an_answer_without_that_address_fails(world: World, site: Script):
    site.on("POST /hook", {"links": []})
    fields = {"statusUrlResolution": "webhookResponse", "statusUrlJsonPath": "$.links[0].href"}
    assert world.run(hook(site, **WAITS, **fields)).status == "TERMINAL"
    assert "does not say where its progress can be seen" in world.stage("Tell").message


def test_an_address_in_an_answer_leads_nowhere_private_and_gets_no_headers_of_another_host(world, site, settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.1", "localhost"]
    fields = {"statusUrlResolution": "webhookResponse", "statusUrlJsonPath": "$.at"}
    site.on("POST /hook", {"at": "http://169.254.169.254/latest"})
    assert world.run(hook(site, **WAITS, **fields)).status == "TERMINAL"
    assert "hands out credentials" in world.stage("Tell").message
    site.asked.clear()
    site.on("POST /hook", {"at": f"http://localhost:{site.port}/jobs/9"})
    site.on("GET /jobs/9", {"state": "OK"})
    assert world.run(hook(site, **WAITS, **fields, customHeaders={"X-Key": "k"})).status == "SUCCEEDED"
    assert [one.headers["X-Key"] for one in site.asked] == ["k", None]


@pytest.mark.parametrize(
    ("fields", "answer", "status", "told"),
    [
        (WAITS, {"state": "bad"}, "TERMINAL", "ended as bad"),
        (WAITS | {"canceledStatuses": "STOPPED"}, {"state": "stopped"}, "CANCELED", "ended as stopped"),
        (WAITS | {"progressJsonPath": "$.why"}, {"state": "bad", "why": "disk full"}, "TERMINAL", "bad: disk full"),
        (WAITS, {"status": "done"}, "TERMINAL", "there is no $.state in the answer"),
        (WAITS, {"state": 100}, "SUCCEEDED", ""),
        (WAITS | {"terminalStatuses": "3"}, {"state": 3}, "TERMINAL", "ended as 3"),
    ],
)
def test_what_it_says_decides_how_the_stage_ends(world, site, fields, answer, status, told):
    site.on("POST /hook", 200)
    site.on("GET /hook", answer)
    assert world.run(hook(site, **fields)).status == status
    assert told in world.stage("Tell").message


def test_numbers_are_percents_and_progress_is_told(world: World, site: Script):
    site.on("POST /hook", 200)
    site.on("GET /hook", {"state": 40, "text": "copying"}, {"state": 100})
    world.begin(hook(site, **WAITS, progressJsonPath="$.text"))
    world.look()
    monitor = world.stage("Tell").context["webhook"]["monitor"]
    assert (monitor["percentComplete"], monitor["progressMessage"]) == (40, "copying")
    assert world.step("monitorWebhook").waiting_for == f"{site.url} to end (copying)"
    assert world.go_on().status == "SUCCEEDED"


def test_looking_bears_bad_days_too(world: World, site: Script):
    site.on("POST /hook", 200)
    site.on("GET /hook", 503, "drop", (200, b"garbage", {}), {"state": "done"})
    world.begin(hook(site, **WAITS, retryStatusCodes=[404]))
    for _ in range(2):
        world.look()
    assert world.execution.status == "RUNNING"
    assert world.go_on().status == "TERMINAL"  # an answer without the status is no answer to wait on
    assert "no $.state" in world.stage("Tell").message


def test_it_may_wait_first_and_look_without_a_call(world: World, site: Script):
    site.on("GET /hook", {"state": "done"})
    world.begin(hook(site, **WAITS | {"waitForCompletion": False}, monitorOnly=True, waitBeforeMonitor="30"))
    world.look()
    assert "30 s to pass" in world.step("waitBeforeMonitorWebhook").waiting_for
    assert site.asked == []
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pipelines_step SET started_at = started_at - interval '30 s'")
    assert world.go_on().status == "SUCCEEDED"
    assert world.tree() == ["1 webhook 'Tell' [waitBeforeMonitorWebhook,monitorWebhook]"]


# Called off.


def cancelled(world: World) -> None:
    with transaction.atomic():
        speak.cancel(speak.lock(world.execution.pk), "ada", "")
    world.go_on()


def test_a_cancel_is_told_to_the_other_side(world: World, site: Script):
    site.on("POST /hook", 200)
    site.on("GET /hook", {"state": "working"})
    site.on("DELETE /hook/7", 503, 204)
    fields = {"cancelEndpoint": f"{site.url}/hook/7", "cancelMethod": "DELETE", "signalCancellation": True}
    world.begin(hook(site, **WAITS, **fields))
    world.look()
    cancelled(world)
    assert world.execution.status == "CANCELED"
    assert site.calls().count("DELETE /hook/7") == 2
    assert world.stage("Tell").message == f"To call it off, DELETE {site.url} answered 204 NO_CONTENT."


def test_and_only_when_asked_for(world: World, site: Script):
    site.on("POST /hook", 200)
    site.on("GET /hook", {"state": "working"})
    world.begin(hook(site, **WAITS, cancelEndpoint=f"{site.url}/hook/7"))
    world.look()
    cancelled(world)
    assert world.execution.status == "CANCELED"
    assert "POST /hook/7" not in site.calls()
