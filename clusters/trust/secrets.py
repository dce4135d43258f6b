"""Secrets by reference: `secret:name` becomes a value only here, only for a host and an application it is meant for.

Stored ones are encrypted (Fernet: AES-CBC with HMAC); the keys are derived from the texts of SPINNAKER_SECRETS_KEYS,
which are kept outside of the database. The rows' model lies above this package, so it is looked up by name.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings

REFERENCE = re.compile(r"secret:([A-Za-z0-9_-]{1,100})")
SHORTEST_KEY = 32
ALL = "*"


class SecretRefused(Exception):
    """It is not handed out; the message names the secret and the reason, never a value."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def is_reference(text: Any) -> bool:
    return isinstance(text, str) and REFERENCE.fullmatch(text) is not None


def resolve(reference: str, *, host: str, application: str | None) -> str:
    """The value behind `secret:name`, to be sent to `host` for `application` (None: on behalf of an administrator).

    Raises SecretRefused. What is returned goes into a request and nowhere else.
    """
    match = REFERENCE.fullmatch(reference)
    if match is None:
        raise SecretRefused("Secrets are given as secret:name.")
    row = apps.get_model("clusters", "Secret").objects.filter(name=match[1]).first()
    if row is None:
        raise SecretRefused(f"There is no secret {match[1]!r}.")
    if application is not None and not {ALL, application}.intersection(row.applications):
        raise SecretRefused(f"Secret {row.name!r} is not meant for application {application}.")
    if not _is_for(host, row.hosts):
        raise SecretRefused(f"Secret {row.name!r} is not meant for host {host}.")
    value = os.environ.get(row.variable, "") if row.variable else unseal(row.sealed, row.name)
    if not value:
        raise SecretRefused(f"Secret {row.name!r} is read from {row.variable}, which is not set here.")
    return value


def seal(value: str) -> str:
    """Encrypted by the newest key. Raises SecretRefused when there is no key."""
    return _keys().encrypt(value.encode()).decode()


def unseal(sealed: str, name: str) -> str:
    """Raises SecretRefused when no key of now fits."""
    try:
        return _keys().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SecretRefused(f"Secret {name!r} was stored with a key that is no longer here; store it again.") from None


def reseal_all() -> int:
    """Encrypt every stored secret by the newest key; how many there are. To be called in a transaction."""
    rows = apps.get_model("clusters", "Secret").objects.select_for_update().exclude(sealed="")
    for row in rows:
        row.sealed = seal(unseal(row.sealed, row.name))
        row.save(update_fields=["sealed"])
    return len(rows)


def _is_for(host: str, hosts: list[str]) -> bool:
    host = host.lower().rstrip(".")
    labels = host.split(".")
    wild = {"*." + ".".join(labels[n:]) for n in range(1, len(labels))}
    return any(one.lower() == host or one.lower() in wild for one in hosts)


def _keys() -> MultiFernet:
    texts = [text for text in settings.SECRETS_KEYS if len(text) >= SHORTEST_KEY]
    if not texts:
        raise SecretRefused(
            f"No secret can be stored or read: SPINNAKER_SECRETS_KEYS holds no text of {SHORTEST_KEY} characters."
        )
    return MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())) for text in texts])
