"""Gate's paths as clients use them, with a token and with a session."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from pipelines.models import Execution, Judgment, Pipeline
from pipelines.models.ids import from_ulid
from spinnaker_web.access import tokens
from tests.pipelines.views.conftest import DOCUMENT, begin, moved

Call = Callable[..., HttpResponse]


@pytest.fixture
def call() -> Call:
    """call(user, "GET", "/applications", body) -> the answer to a program that holds the user's token."""

    def call(user: Any, method: str, path: str, body: Any = None) -> HttpResponse:
        headers = {"Authorization": f"Bearer {tokens.make(user, 'test')}"} if user else {}
        text = body if isinstance(body, str) else json.dumps(body) if body is not None else ""
        client = Client(enforce_csrf_checks=True)
        return client.generic(method, f"/gate{path}", text, content_type="application/json", headers=headers)

    return call


def document(**changes: Any) -> dict[str, Any]:
    return {"application": "shop", **DOCUMENT, **changes}


PATHS = [
    ("GET", "/version"),
    ("GET", "/openapi.json"),
    ("GET", "/applications"),
    ("GET", "/applications/shop/pipelineConfigs"),
    ("GET", "/v2/builds"),
    ("GET", "/v2/builds/ci/build/1/shop"),
    ("POST", "/pipelines"),
    ("POST", "/pipelines/shop/Release"),
    ("POST", "/rehearsals/shop/Release"),
    ("DELETE", "/pipelines/shop/Release"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_nobody_comes_without_a_token(db, call, method, path):
    assert call(None, method, path).status_code == 401


def test_an_application_shows_its_traffic_guards(call, bob, release):
    release.application.traffic_guards.create(account="prod", stack="web", is_enabled=False)
    attributes = call(bob, "GET", "/applications/shop").json()["attributes"]
    guard = {"account": "prod", "location": "*", "stack": "web", "detail": "", "enabled": False}
    assert attributes["trafficGuards"] == [guard]
    assert call(bob, "GET", "/applications").json()[0] == attributes


def test_traffic_guards_are_written_by_a_task(call, alice, bob, release):
    guard = {"account": "prod", "location": "*", "stack": "web", "detail": "*", "enabled": True}
    job = {"type": "updateApplication", "application": {"name": "shop", "trafficGuards": [guard]}, "user": "alice"}
    body = {"application": "shop", "description": "Update Application: shop", "job": [job]}
    wrong = {"type": "updateApplication", "application": {"name": "shop", "trafficGuards": [{"account": "prod"}]}}
    refused = call(alice, "POST", "/tasks", body | {"job": [wrong]})
    assert refused.status_code == 400
    assert "trafficGuards[0].location" in refused.json()["message"]
    assert call(bob, "POST", "/tasks", body).status_code == 403
    moved(Execution.objects.get(pk=from_ulid(call(alice, "POST", "/tasks", body).json()["ref"].split("/")[2])))
    attributes = call(alice, "GET", "/applications/shop").json()["attributes"]
    assert attributes["trafficGuards"] == [guard]


def test_strategies_have_a_list_of_their_own(call, alice, release):
    strategy = {"application": "shop", "name": "Dark launch", "strategy": True, "stages": []}
    assert call(alice, "POST", "/strategies", strategy).status_code == 200
    assert [one["name"] for one in call(alice, "GET", "/applications/shop/strategyConfigs").json()] == ["Dark launch"]
    assert [one["name"] for one in call(alice, "GET", "/applications/shop/pipelineConfigs").json()] == ["Release"]
    assert call(alice, "DELETE", "/strategies/shop/Dark%20launch").status_code == 200
    assert call(alice, "GET", "/applications/shop/strategyConfigs").json() == []


def test_a_session_alone_changes_nothing(alice, release):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.get("/gate/applications").json()[0]["name"] == "shop"
    answer = client.post("/gate/pipelines/shop/Release", "{}", content_type="application/json")
    assert answer.status_code == 403
    assert not Execution.objects.exists()


def test_strangers_find_nothing(call, charlie, asking):
    assert call(charlie, "GET", "/applications").json() == []
    for method, path in (
        ("GET", "/applications/shop"),
        ("GET", "/applications/shop/pipelineConfigs"),
        ("GET", "/applications/shop/pipelines"),
        ("GET", f"/pipelines/{asking.ulid}"),
        ("PUT", f"/pipelines/{asking.ulid}/cancel"),
        ("POST", "/pipelines/shop/Release"),
        ("DELETE", "/pipelines/shop/Release"),
    ):
        answer = call(charlie, method, path)
        assert answer.status_code == 404, path
        assert set(answer.json()) == {"timestamp", "status", "error", "message"}


def test_readers_may_not_write(call, bob, release, asking):
    for method, path, body in (
        ("POST", "/pipelines", document(id=release.pk)),
        ("POST", "/pipelines/shop/Release", {}),
        ("DELETE", "/pipelines/shop/Release", None),
        ("PUT", f"/pipelines/{asking.ulid}/cancel", None),
        ("PATCH", f"/pipelines/{asking.ulid}/stages/2", {"judgmentStatus": "stop"}),
        ("PUT", f"/pipelines/{asking.ulid}/stages/1/restart", None),
    ):
        assert call(bob, method, path, body).status_code == 403, path


def test_a_pipeline_round_trips_with_unknown_keys(call, alice, shop):
    saved = call(alice, "POST", "/pipelines", document(zebra={"kept": [1, None]}))
    assert (saved.status_code, saved.content) == (200, b"")
    config = call(alice, "GET", "/applications/shop/pipelineConfigs").json()[0]
    assert config["zebra"] == {"kept": [1, None]}
    assert config["lastModifiedBy"] == "alice"
    assert call(alice, "POST", "/pipelines", config | {"description": "again"}).status_code == 200
    assert Pipeline.objects.get().version == 2
    assert call(alice, "GET", "/applications/SHOP/pipelineConfigs/Release").json()["description"] == "again"
    assert call(alice, "GET", "/applications/shop/pipelineConfigs/Nothing").status_code == 404


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("not json", ""),
        ("[]", ""),
        (document(application=None), "application"),
        (document(name=""), "name"),
        (document(stages=[{"type": "wait"}]), "stages[0].refId"),
        (document(stages=[{"refId": "1", "type": "wait", "waitTime": -1}]), "stages[0].waitTime"),
    ],
)
def test_what_is_wrong_is_a_400_with_its_path(call, alice, shop, body, path):
    answer = call(alice, "POST", "/pipelines", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == path
    assert answer.json()["error"] == "Bad Request"


def test_deleting_what_is_not_there_is_no_error(call, alice, release):
    assert call(alice, "DELETE", "/pipelines/shop/Nothing").status_code == 200
    assert call(alice, "DELETE", "/pipelines/shop/%20release").status_code == 200
    assert not Pipeline.objects.exists()


@pytest.mark.parametrize("by", ["name", "id"])
def test_starting_answers_202_and_where_to_look(call, rita, release, by):
    name = "Release" if by == "name" else release.pk
    answer = call(rita, "POST", f"/pipelines/shop/{name}", {"type": "manual", "parameters": {"version": "1.2"}})
    execution = Execution.objects.get()
    assert answer.status_code == 202
    assert answer.json() == {"ref": f"/pipelines/{execution.ulid}"}
    assert execution.trigger["parameters"] == {"version": "1.2", "env": "test"}


@pytest.mark.parametrize("body", [None, "null", "{}", {"parameters": None}])
def test_a_start_without_what_is_required_says_so(call, alice, release, body):
    answer = call(alice, "POST", "/pipelines/shop/Release", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == "version"


def test_names_with_brackets_and_slashes_are_found(call, alice, shop):
    name = "shop [eu-west-1] a/b"
    call(alice, "POST", "/pipelines", document(name=name, parameterConfig=[]))
    assert call(alice, "POST", "/pipelines/shop/shop%20%5Beu-west-1%5D%20a%2Fb").status_code == 202


def test_an_execution_as_gate_shows_it(call, alice, asking):
    shown = call(alice, "GET", f"/pipelines/{asking.ulid}").json()
    assert (shown["id"], shown["status"], shown["pipelineConfigId"]) == (asking.ulid, "RUNNING", asking.pipeline_id)
    assert shown["startTime"] == int(asking.started_at.timestamp() * 1000)
    assert shown["trigger"]["parameters"]["version"] == "1.0"
    first, second, third = shown["stages"]
    assert (first["refId"], first["status"], first["context"]["waitTime"]) == ("1", "SUCCEEDED", 0)
    assert second["requisiteStageRefIds"] == ["1"]
    assert [(task["id"], task["name"], task["status"]) for task in second["tasks"]] == [
        ("1", "waitForJudgment", "RUNNING")
    ]
    assert third["tasks"] == []
    assert call(alice, "GET", "/pipelines/nonsense").status_code == 404


def test_executions_come_newest_first_in_few_queries(call, alice, release, asking):
    newer = begin(alice, release)
    listed = call(alice, "GET", "/applications/shop/pipelines?limit=5&statuses=").json()
    assert [one["id"] for one in listed] == [newer.ulid, asking.ulid]
    assert call(alice, "GET", "/applications/shop/pipelines?statuses=SUCCEEDED,TERMINAL").json() == []
    with CaptureQueriesContext(connection) as two:
        call(alice, "GET", "/applications/shop/pipelines")
    begin(alice, release)
    with CaptureQueriesContext(connection) as three:
        call(alice, "GET", "/applications/shop/pipelines")
    assert len(two) == len(three)


def test_judging_by_patch_says_only_what_a_person_may_say(call, alice, asking):
    stage = call(alice, "GET", f"/pipelines/{asking.ulid}").json()["stages"][1]
    path = f"/pipelines/{asking.ulid}/stages/{stage['id']}"
    assert call(alice, "PATCH", path, {"waitTime": 3}).status_code == 400
    wrong = call(alice, "PATCH", path, {"judgmentStatus": "continue", "judgmentInput": "sideways"})
    assert wrong.json()["errors"][0]["path"] == "judgmentInput"
    said = {"judgmentStatus": "continue", "judgmentInput": "slowly", "status": "SUCCEEDED", "requiredJudgmentRoles": []}
    assert call(alice, "PATCH", path, said).json()["id"] == asking.ulid
    assert Judgment.objects.get().input == "slowly"
    assert "requiredJudgmentRoles" not in asking.stages.get(ref="2").context
    assert call(alice, "PATCH", path, said).status_code == 409


def test_skip_cancel_and_restart(call, alice, asking):
    path = f"/pipelines/{asking.ulid}"
    call(alice, "PATCH", f"{path}/stages/2", {"judgmentStatus": "continue", "judgmentInput": "slowly"})
    moved(asking)
    assert call(alice, "PATCH", f"{path}/stages/3", {"skipRemainingWait": True}).status_code == 200
    assert moved(asking).status == "SUCCEEDED"
    assert call(alice, "PUT", f"{path}/stages/2/restart").json()["status"] == "RUNNING"
    moved(asking)
    assert call(alice, "PUT", f"{path}/cancel?reason=enough").status_code == 200
    assert moved(asking).cancel_reason == "enough"
    assert call(alice, "PUT", f"{path}/stages/9/restart").status_code == 404


@pytest.mark.parametrize("value", ["NaN", "1e999", '"\\ud800"', '"\\u0000"', "1" * 5000])
def test_parameters_that_cannot_be_stored_are_a_400(call, rita, release, value):
    answer = call(rita, "POST", "/pipelines/shop/Release", f'{{"parameters": {{"version": {value}}}}}')
    assert answer.status_code == 400
    assert not Execution.objects.exists()


def test_a_rehearsal_tells_what_a_start_would_do_and_starts_nothing(call, rita, release):
    body = {"parameters": {"version": "2.0.0"}}
    told = call(rita, "POST", "/rehearsals/shop/Release", body).json()
    assert (told["status"], [line["stage"] for line in told["lines"]]) == (
        "SUCCEEDED",
        ["Go live?", "Go live?", "Cool down"],
    )
    assert Execution.objects.count() == 0


def test_who_may_not_start_may_not_rehearse(call, bob, release):
    assert call(bob, "POST", "/rehearsals/shop/Release", {"parameters": {"version": "2"}}).status_code == 403
