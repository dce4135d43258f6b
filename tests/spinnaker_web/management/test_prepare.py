"""What `up` does before it shows the site: wait, migrate, make the administrator, seed; or say what is missing."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from spinnaker_web.management.commands import prepare


def prepared() -> str:
    told = io.StringIO()
    call_command("prepare", patience=0.1, stdout=told, stderr=io.StringIO())
    return told.getvalue()


@pytest.fixture
def called(monkeypatch) -> list[str]:
    """The names of the commands that were called."""
    names: list[str] = []
    monkeypatch.setattr(prepare, "call_command", lambda name, **options: names.append(name))
    return names


def test_everything_happens_in_order(called, db, monkeypatch):
    monkeypatch.setattr(prepare, "answers", lambda socket, token: True)
    prepared()
    assert called == ["migrate", "ensure_admin", "seed"]


def test_a_database_that_does_not_answer_is_named(called, monkeypatch):
    def refuse() -> None:
        raise OperationalError("connection failed\npassword authentication failed")

    monkeypatch.setattr(connection, "ensure_connection", refuse)
    with pytest.raises(
        CommandError, match=r"^The database of DATABASE_URL does not answer: password authentication failed$"
    ):
        prepared()
    assert called == []


def test_nothing_is_seeded_without_the_local_cloud(called, db, monkeypatch):
    monkeypatch.setattr(prepare, "answers", lambda socket, token: False)
    with pytest.raises(CommandError, match=r"^The local cloud does not answer on "):
        prepared()
    assert called == ["migrate", "ensure_admin"]
