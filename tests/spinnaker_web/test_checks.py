"""What `manage.py check` says about scripts, calls out of here, and keys."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks

from clusters.trust.isolation import Isolation
from pipelines.work import script
from spinnaker_web.checks import outbound, secrets_keys


@pytest.fixture
def told(settings, monkeypatch):
    """told(scripts on?, isolation, namespaces?) -> ids of our messages."""

    def told(is_on, isolation=Isolation.USER, *, has_namespaces=True):
        settings.SCRIPTS = is_on
        monkeypatch.setattr(script, "host", lambda: script.Host(isolation, has_namespaces))
        found = run_checks(include_deployment_checks=True)
        return {message.id: message.msg for message in found if str(message.id).startswith("spinnaker.")}

    return told


def test_it_says_that_scripts_are_off_and_how_to_switch_them_on(told):
    assert told(False) == {"spinnaker.I001": "Scripts of pipelines are switched off."}


def test_it_says_what_scripts_are_kept_from(told, settings):
    assert told(True)["spinnaker.I002"].endswith("each runs as another user, without network.")
    assert told(True, has_namespaces=False)["spinnaker.I002"].endswith("with this host's network.")
    settings.SCRIPT_NETWORK = True
    assert told(True, Isolation.NAMESPACE)["spinnaker.I002"].endswith("in a namespace, with this host's network.")


def test_it_warns_when_every_script_would_be_refused(told):
    assert "spinnaker.W001" in told(True, Isolation.NONE)


@pytest.mark.parametrize(
    ("entries", "is_fine"),
    [
        ([], True),
        (["ci.internal", "*.internal", "10.1.0.0/16", "127.0.0.1", "fd00::/8"], True),
        (["10.0.0.0/99"], False),
        (["300.1.1.1"], False),
    ],
)
def test_what_may_be_called_is_names_and_networks(settings, entries, is_fine):
    settings.OUTBOUND_ALLOW = entries
    assert [error.id for error in outbound()] == ([] if is_fine else ["spinnaker.E001"])


@pytest.mark.parametrize(("keys", "is_fine"), [([], True), (["x" * 32], True), (["x" * 40, "short"], False)])
def test_a_key_that_encrypts_is_long(settings, keys, is_fine):
    settings.SECRETS_KEYS = keys
    assert [error.id for error in secrets_keys()] == ([] if is_fine else ["spinnaker.E002"])
