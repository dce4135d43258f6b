"""The first administrator: made once, with a password that is told exactly when nobody knows it yet."""

import io
import re

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.django_db


def ensure_admin() -> str:
    told = io.StringIO()
    call_command("ensure_admin", stdout=told)
    return told.getvalue()


def test_a_made_up_password_is_told_and_works(monkeypatch):
    monkeypatch.delenv("SPINNAKER_ADMIN_PASSWORD", raising=False)
    told = re.fullmatch(r"Sign in as admin with the password (\S+) \(shown only now\)\.\n", ensure_admin())
    assert told
    admin = User.objects.get(is_superuser=True)
    assert admin.username == "admin"
    assert admin.check_password(told[1])


def test_a_given_password_is_used_and_never_told(monkeypatch):
    monkeypatch.setenv("SPINNAKER_ADMIN_PASSWORD", "correct horse battery")
    assert ensure_admin() == "Sign in as admin with the password from SPINNAKER_ADMIN_PASSWORD.\n"
    assert User.objects.get(username="admin").check_password("correct horse battery")


def test_the_second_time_it_says_and_changes_nothing(monkeypatch):
    ensure_admin()
    before = User.objects.get().password
    monkeypatch.setenv("SPINNAKER_ADMIN_PASSWORD", "another long password")
    assert ensure_admin() == ""
    assert User.objects.get().password == before


def test_a_weak_given_password_is_refused(monkeypatch):
    monkeypatch.setenv("SPINNAKER_ADMIN_PASSWORD", "admin")
    with pytest.raises(CommandError, match=r"^SPINNAKER_ADMIN_PASSWORD is refused\. .*too short"):
        ensure_admin()
    assert not User.objects.exists()


def test_somebody_called_admin_is_not_made_administrator_behind_his_back():
    User.objects.create_user("admin")
    with pytest.raises(CommandError, match="a user admin who is no administrator"):
        ensure_admin()
