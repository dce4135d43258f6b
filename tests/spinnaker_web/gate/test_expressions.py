"""evaluateExpression, as clients ask it."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from django.test import Client

from pipelines.operations import tryouts
from spinnaker_web.access import tokens


@pytest.fixture(autouse=True)
def nobody_has_tried():
    tryouts._tries.clear()


def ask(user, execution, body=None, kind="application/json", query=""):
    headers = {"Authorization": f"Bearer {tokens.make(user, 'test')}"}
    path = f"/gate/pipelines/{execution.ulid}/evaluateExpression{query}"
    method = "GET" if body is None else "POST"
    answer = Client(enforce_csrf_checks=True).generic(method, path, body or "", content_type=kind, headers=headers)
    return answer.status_code, json.loads(answer.content)


def test_an_expression_is_evaluated_on_an_execution_by_get_json_and_text(bob, asking):
    expected = (200, {"result": 3, "detail": {}})
    assert ask(bob, asking, query=f"?expression={quote('${1 + 2}')}") == expected
    assert ask(bob, asking, json.dumps({"expression": "${1 + 2}"})) == expected
    assert ask(bob, asking, "${1 + 2}", "text/plain") == expected
    assert ask(bob, asking, "\"${#stage('Settle').status}\"")[1]["result"] == "SUCCEEDED"


def test_what_has_no_value_is_told_in_the_detail(bob, asking):
    status, answer = ask(bob, asking, "${parameters.nosuch}", "text/plain")
    assert (status, answer["result"]) == (200, "${parameters.nosuch}")
    (line,) = answer["detail"]["parameters.nosuch"]
    assert line["level"] == "INFO"
    assert "nosuch not found. Available there: env, version." in line["description"]


def test_strangers_nonsense_and_the_impatient_are_refused(bob, charlie, asking, monkeypatch):
    assert ask(charlie, asking, "${1}", "text/plain")[0] == 404
    assert ask(bob, asking, "[1]")[0] == 400
    assert ask(bob, asking, "{")[0] == 400
    assert ask(bob, asking, "x" * 9000, "text/plain")[0] == 400
    monkeypatch.setattr(tryouts, "MOST", 1)
    tryouts._tries.clear()
    assert [ask(bob, asking, "${1}", "text/plain")[0] for _ in range(2)] == [200, 429]
