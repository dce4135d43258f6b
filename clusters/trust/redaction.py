"""Secrets out of texts and JSON before they are stored, logged or sent.

Three nets: values known to be secret (also base64 and URL-encoded), patterns of well-known credentials, and in JSON the
values of fields whose name says what they hold. References such as `secret:name` are no secrets and stay.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "••••••"

_PATTERNS = re.compile(
    r"(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|github_pat_[A-Za-z0-9_]{20,}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9._~+/=-]{8,}",
    re.DOTALL,
)
_FIELD = re.compile(
    r"passw(or)?d|secret|token|api_?key|private_?key|access_?key|authorization|user_?data", re.IGNORECASE
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with known secrets and well-known credentials masked."""
    forms = {form for secret in secrets if secret for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    return _PATTERNS.sub(MASK, text)


def masked(value: Any, secrets: Iterable[str] = ()) -> Any:
    """A copy of a JSON value without secrets: strings redacted, and values under telling field names hidden."""
    known = tuple(secrets)
    if isinstance(value, dict):
        return {key: _masked_field(str(key), item, known) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(item, known) for item in value]
    return redact(value, known) if isinstance(value, str) else value


def secret_fields(fields: Mapping[str, str]) -> list[str]:
    """The values whose field's name says that they are secret."""
    return [value for name, value in fields.items() if value and _FIELD.search(name)]


def _masked_field(name: str, value: Any, secrets: tuple[str, ...]) -> Any:
    is_reference = isinstance(value, str) and value.startswith("secret:")
    if _FIELD.search(name) and isinstance(value, str) and value and not is_reference:
        return MASK
    return masked(value, secrets)


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    encoded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    return {secret, quote(secret, safe=""), quote_plus(secret), *encoded, *(form.rstrip("=") for form in encoded)}
