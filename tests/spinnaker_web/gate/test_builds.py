"""Builds as Gate's clients ask for them, from a controller that stands in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clusters.models import Application, Secret
from clusters.trust import secrets
from pipelines.models import Controller as Row
from tests.jenkins import TOKEN, USER, Controller, controller


@pytest.fixture
def ci(shop: Application, settings) -> Iterator[Controller]:
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    settings.SECRETS_KEYS = ["a key for tests only, long enough for all"]
    with controller(is_quick=True) as ci:
        ci.job("folder/job/shop", where=("test", "prod"), version=())
        ci.ask("folder/job/shop", {"version": "1"}, USER)
        ci.ask("folder/job/shop", {"version": "2"}, USER)
        Secret.objects.create(name="t", sealed=secrets.seal(TOKEN), applications=["shop"], hosts=["127.0.0.1"])
        Row.objects.create(name="ci", url=ci.url, username=USER, token="secret:t").applications.add(shop)
        Row.objects.create(name="theirs", url=ci.url).applications.add(Application.objects.create(name="other"))
        yield ci


def get(client, user, path: str):
    client.force_login(user)
    return client.get(f"/gate/v2/builds{path}")


def test_controllers_jobs_and_builds_are_there_for_those_who_see_their_application(ci, client, bob):
    assert get(client, bob, "").json() == ["ci"]
    assert get(client, bob, "/ci/jobs").json() == ["folder/job/shop"]
    job = get(client, bob, "/ci/jobs/folder/job/shop").json()
    assert job["buildable"] is True
    assert job["parameterDefinitionList"][0]["choices"] == ["test", "prod"]
    assert [one["number"] for one in get(client, bob, "/ci/builds/folder/job/shop").json()] == [2, 1]
    build = get(client, bob, "/ci/build/1/folder/job/shop").json()
    assert (build["number"], build["result"], build["building"]) == (1, "SUCCESS", False)


@pytest.mark.parametrize("path", ["/theirs/jobs", "/nothing/jobs", "/ci/jobs/nothing", "/ci/build/99/folder/job/shop"])
def test_what_is_not_there_or_not_for_the_reader_is_not_found(ci, client, bob, path: str):
    assert get(client, bob, path).status_code == 404


def test_who_sees_no_application_sees_no_controller(ci, client, charlie):
    assert get(client, charlie, "").json() == []
    assert get(client, charlie, "/ci/jobs").status_code == 404


def test_a_controller_that_is_away_is_a_bad_gateway_with_a_sentence(ci, client, bob):
    ci.stop()
    answer = get(client, bob, "/ci/jobs")
    assert answer.status_code == 502
    assert "cannot be reached" in answer.json()["message"]
