"""Trying expressions on an execution, and what the page of a stage shows of its own."""

from __future__ import annotations

import pytest
from django.urls import reverse

from pipelines.operations import tryouts
from tests.pipelines.views.conftest import DOCUMENT, begin, save


@pytest.fixture
def tried(alice, shop):
    """One wait by expression, one text without a value, and a parameter that looks like a secret."""
    settle, *others = DOCUMENT["stages"]
    stages = [settle | {"waitTime": "${1 - 1}", "comments": "${nosuch} ${parameters.version}"}, *others]
    return begin(alice, save(alice, shop, stages=stages), version="1.0", token="hush-hush")


@pytest.fixture(autouse=True)
def nobody_has_tried():
    tryouts._tries.clear()


def address(execution):
    return reverse("pipelines:expression", args=[execution.ulid])


def attempt(client, execution, text, stage=""):
    return client.post(address(execution), {"text": text, "stage": stage})


def test_whoever_may_see_an_execution_may_try_and_nothing_is_changed(as_user, bob, tried):
    client = as_user(bob)
    page = client.get(address(tried), {"stage": "2", "text": "${a}"}).content.decode()
    assert "${a}</textarea>" in page
    assert '<option value="2" selected>Go live? (2)</option>' in page
    before = tried.stages.get(ref="2").context
    html = attempt(client, tried, "${parameters.version}-${#stage('Settle').status}").content.decode()
    assert "&quot;1.0-SUCCEEDED&quot;" in html
    html = attempt(client, tried, "${instructions.length()} ${#currentStage().name}", "2").content.decode()
    assert "Go live?" in html
    assert tried.stages.get(ref="2").context == before


def test_what_has_no_value_is_told_with_what_is_there(as_user, bob, tried):
    html = attempt(as_user(bob), tried, "${parameters.versoin}").content.decode()
    assert "position 14: versoin not found. Available there: env, token, version." in html
    html = attempt(as_user(bob), tried, "${1 +}").content.decode()
    assert "position 6: the end is not expected here." in html


def test_secrets_are_masked_before_an_expression_can_see_them(as_user, bob, tried):
    html = attempt(as_user(bob), tried, "${parameters.token.substring(0, 2)} ${parameters.token == 'hush-hush'}")
    assert "hu" not in html.content.decode().partition('id="result"')[2].partition("</pre>")[0].replace("hush-hush", "")
    assert "•• false" in html.content.decode()


def test_a_stranger_and_an_unknown_stage_get_nothing(as_user, charlie, alice, tried):
    assert attempt(as_user(charlie), tried, "${1}").status_code == 404
    assert attempt(as_user(alice), tried, "${1}", "9").status_code == 422
    assert attempt(as_user(alice), tried, "x" * 9000).status_code == 422


def test_one_person_tries_only_so_often(as_user, bob, alice, tried, monkeypatch):
    monkeypatch.setattr(tryouts, "MOST", 2)
    statuses = [attempt(as_user(bob), tried, "${1}").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert attempt(as_user(alice), tried, "${1}").status_code == 200


def test_a_stage_shows_its_texts_as_written_and_as_they_were_when_it_began(as_user, bob, tried):
    url = reverse("pipelines:execution", args=[tried.ulid])
    html = as_user(bob).get(url, {"stage": "1", "tab": "context"}).content.decode()
    table = html.partition('id="expressions"')[2].partition("</table>")[0]
    assert "waitTime" in table
    assert "${1 - 1}" in table
    assert ">0</td>" in table
    assert "${nosuch} 1.0" in table
    assert f'href="{address(tried)}?stage=1"' in html
    html = as_user(bob).get(url, {"stage": "1"}).content.decode()
    assert "comments, position 3: nosuch not found." in html
