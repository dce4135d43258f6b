"""What people see when something goes wrong: what happened, that nothing was changed, a reference."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from clusters import operations, queries
from clusters.models import Application
from clusters.providers.base import Conflict
from clusters.trust.permissions import Refused
from clusters.views import packages as clusters_packages
from spinnaker_web import errors


@pytest.fixture
def breaking(as_ana: Client, monkeypatch):
    def break_with(error: Exception):
        def broken(*args: object) -> None:
            raise error

        monkeypatch.setattr(queries, "application_for", broken)
        as_ana.raise_request_exception = False
        return as_ana.get("/apps/shop/clusters")

    return break_with


def test_a_refusal_says_its_sentence(breaking) -> None:
    answer = breaking(Refused("ana lacks WRITE on account prod."))
    assert answer.status_code == 403
    assert "ana lacks WRITE on account prod." in answer.text
    assert "Nothing was changed." in answer.text


@pytest.mark.parametrize("error", [Conflict("It is in use."), operations.Conflict({"name": "It is in use."})])
def test_a_conflict_is_a_409(breaking, error: Exception) -> None:
    answer = breaking(error)
    assert answer.status_code == 409
    assert "It is in use." in answer.text


def test_a_bug_shows_a_reference_and_nothing_of_its_inside(breaking) -> None:
    answer = breaking(RuntimeError("password=hunter2"))
    assert answer.status_code == 500
    assert answer.headers["X-Request-Id"] in answer.text
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text


def test_programs_get_their_errors_as_json(rf: RequestFactory) -> None:
    request = rf.get("/packages/shop/1.0")
    request.id = "abc"
    answer = errors.not_found(request, Exception())
    assert answer.headers["Content-Type"] == "application/json"


def test_a_bug_in_the_api_is_json_with_the_reference(as_ana: Client, monkeypatch) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(Application.objects, "visible_to", broken, raising=True)
    as_ana.raise_request_exception = False
    answer = as_ana.get("/gate/applications")
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/json")
    body = answer.json()
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert (body["status"], body["error"], body["message"]) == (
        500,
        "Internal Server Error",
        "Something broke on our side.",
    )
    assert body["timestamp"] > 0
    assert "hunter2" not in answer.text
    monkeypatch.setattr(clusters_packages, "_account", broken)
    answer = as_ana.put("/packages/shop/1.0", b"")
    assert (answer.status_code, set(answer.json())) == (500, {"error", "request_id"})


def test_the_production_settings_pass_the_deployment_check() -> None:
    """In a process of its own: settings are read once."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("SPINNAKER_", "DJANGO_"))
    } | {"SPINNAKER_HOSTS": "example.org", "SPINNAKER_SECRET_KEY": secrets.token_urlsafe(48)}
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNINGS" not in done.stderr


def test_an_error_page_for_somebody_who_is_not_signed_in_stands(client: Client, db: None) -> None:
    assert client.get("/nothing").status_code == 404
    assert User.objects.count() == 0


@pytest.mark.parametrize(
    "path", ["/apps/%00", "/executions?pipeline=%00", "/gate/applications/%00", "/live?topics=app:%00"]
)
def test_an_address_with_the_character_zero_is_refused_before_the_database_is_asked(as_ana: Client, path: str) -> None:
    assert as_ana.get(path).status_code == 400
