"""A secret is handed out to what it is meant for, and shown to nobody."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.urls import reverse

from clusters.models import AuditEntry, Secret
from clusters.trust import secrets
from clusters.trust.secrets import SecretRefused, resolve

VALUE = "korrekt horse, battery ünd staple"
OLD, NEW = "an old key, long enough to be one of ours", "a new key, long enough to be one of ours"


@pytest.fixture(autouse=True)
def keys(settings, db):
    settings.SECRETS_KEYS = [OLD]


@pytest.fixture
def token() -> Secret:
    return Secret.objects.create(
        name="ci-token", sealed=secrets.seal(VALUE), applications=["shop"], hosts=["ci.example.org", "*.internal"]
    )


@pytest.mark.parametrize("host", ["ci.example.org", "CI.example.org.", "ci.internal", "a.b.internal"])
def test_it_goes_to_the_hosts_and_applications_listed(token: Secret, host: str):
    assert resolve("secret:ci-token", host=host, application="shop") == VALUE
    assert resolve("secret:ci-token", host=host, application=None) == VALUE


@pytest.mark.parametrize(
    ("reference", "host", "application", "why"),
    [
        ("secret:ci-token", "evil.org", "shop", "not meant for host evil.org"),
        ("secret:ci-token", "internal", "shop", "not meant for host internal"),
        ("secret:ci-token", "ci.example.org.evil.org", "shop", "not meant for host"),
        ("secret:ci-token", "ci.example.org", "cart", "not meant for application cart"),
        ("secret:other", "ci.example.org", "shop", "no secret 'other'"),
        ("ci-token", "ci.example.org", "shop", "secret:name"),
        ("secret:ci-token x", "ci.example.org", "shop", "secret:name"),
    ],
)
def test_and_nowhere_else(token: Secret, reference: str, host: str, application: str, why: str):
    with pytest.raises(SecretRefused, match=why) as caught:
        resolve(reference, host=host, application=application)
    assert VALUE not in str(caught.value)


def test_it_is_encrypted_where_it_is_kept_and_differs_each_time(token: Secret):
    assert VALUE not in token.sealed
    assert secrets.seal(VALUE) != token.sealed


def test_after_a_change_of_keys_old_ones_are_read_until_all_is_encrypted_by_the_new_one(token: Secret, settings):
    settings.SECRETS_KEYS = [NEW, OLD]
    assert resolve("secret:ci-token", host="ci.internal", application="shop") == VALUE
    call_command("reseal_secrets")
    settings.SECRETS_KEYS = [NEW]
    assert resolve("secret:ci-token", host="ci.internal", application="shop") == VALUE
    settings.SECRETS_KEYS = [OLD]
    with pytest.raises(SecretRefused, match="no longer here"):
        resolve("secret:ci-token", host="ci.internal", application="shop")


@pytest.mark.parametrize("keys", [[], ["short"]])
def test_without_a_proper_key_nothing_is_stored(settings, keys):
    settings.SECRETS_KEYS = keys
    with pytest.raises(SecretRefused, match="SPINNAKER_SECRETS_KEYS"):
        secrets.seal(VALUE)


def test_one_from_the_environment_is_read_when_it_is_used(monkeypatch):
    Secret.objects.create(name="env", variable="SPINNAKER_CREDENTIAL_CI", applications=["*"], hosts=["ci"])
    with pytest.raises(SecretRefused, match="SPINNAKER_CREDENTIAL_CI, which is not set"):
        resolve("secret:env", host="ci", application="shop")
    monkeypatch.setenv("SPINNAKER_CREDENTIAL_CI", VALUE)
    assert resolve("secret:env", host="ci", application="shop") == VALUE


@pytest.fixture
def browser(client):
    client.force_login(User.objects.create_superuser("root", is_staff=True))
    return client


def fields(**given: str) -> dict[str, str]:
    return {"name": "ci-token", "value": "", "variable": "", "applications": '["shop"]', "hosts": '["ci"]', **given}


def test_an_administrator_sets_it_and_no_page_and_no_audit_shows_it(browser):
    add = reverse("admin:clusters_secret_add")
    assert browser.post(add, fields(value=VALUE)).status_code == 302
    made = Secret.objects.get()
    assert resolve("secret:ci-token", host="ci", application="shop") == VALUE
    change = reverse("admin:clusters_secret_change", args=[made.pk])
    page = browser.get(change).content.decode()
    assert VALUE not in page
    assert made.sealed not in page
    assert browser.post(change, fields(hosts='["ci2"]')).status_code == 302
    assert resolve("secret:ci-token", host="ci2", application="shop") == VALUE
    told = [str(entry.after) for entry in AuditEntry.objects.all()]
    assert len(told) == 2
    assert not any(VALUE in text for text in told)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Give a value"),
        ({"value": "x", "variable": "SPINNAKER_CREDENTIAL_X"}, "not both"),
        ({"variable": "SPINNAKER_SECRET_KEY"}, "Only variables"),
        ({"value": "x", "hosts": '"ci"'}, "A list of names"),
    ],
)
def test_what_makes_no_sense_is_refused(browser, given, message):
    answer = browser.post(reverse("admin:clusters_secret_add"), fields(**given))
    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert not Secret.objects.exists()
