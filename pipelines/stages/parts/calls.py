"""A call that a stage makes: sent through the guarded client, its answer as JSON that can be kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from clusters.trust import secrets
from clusters.trust.redaction import redact
from pipelines.clients import http
from pipelines.core import definition
from pipelines.core.plan import Json, StageView, StepFailed

#: Of an answer so much is kept with the stage.
MOST_BYTES = 256 * 1024
#: Says what the answer is for, and holds what may be let in elsewhere: kept out of history.
_UNTOLD = ("set-cookie", "set-cookie2", "www-authenticate", "proxy-authenticate")


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` is JSON where the answer was, else text. `location` is absolute, or ""."""

    status: int
    body: Any
    headers: Mapping[str, str]
    location: str

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def word(self) -> str:
        """OK, NOT_FOUND, as Spinnaker names statuses."""
        try:
            return HTTPStatus(self.status).name
        except ValueError:
            return str(self.status)

    def told(self) -> Json:
        """For the stage's context."""
        told = {"statusCode": self.word, "statusCodeValue": self.status, "headers": dict(self.headers)}
        return told | ({"body": self.body} if self.body != "" else {})


def host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def call(method: str, url: str, headers: Mapping[str, Any], payload: Any, stage: StageView) -> Reply:
    """Raises StepFailed (not for a status), retryable unless the address may not be called.

    A header may be `secret:name`: it is resolved for this very host, and its value is taken out of what is kept.
    """
    known: list[str] = []
    sent = {}
    for name, value in headers.items():
        if secrets.is_reference(value):
            try:
                value = secrets.resolve(value, host=host_of(url), application=stage.application)
            except secrets.SecretRefused as error:
                raise StepFailed(error.message, field=f"customHeaders.{name}") from None
            known.append(value)
        sent[str(name)] = str(value)
    content = _content(payload)
    if content and "content-type" not in {name.lower() for name in sent}:
        sent["Content-Type"] = "text/plain; charset=utf-8" if isinstance(payload, str) else "application/json"
    try:
        answer = http.send(method, url, headers=sent, content=content, most_bytes=MOST_BYTES)
    except http.HttpError as error:
        raise StepFailed(error.message, field="url", is_retryable=error.is_retryable) from None
    return _reply(answer, known)


def _content(payload: Any) -> bytes:
    if payload is None or payload == "":
        return b""
    return payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()


def _reply(answer: http.Answer, known: list[str]) -> Reply:
    try:
        body = definition.parse_json(answer.text) if answer.body.strip() else ""
    except ValueError:
        body = answer.text
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in _UNTOLD}
    location = answer.headers.get("location", "")
    if location:
        try:
            location = http.joined(answer.url, location)
        except ValueError:
            location = ""
    return Reply(answer.status, _kept(body, known), _kept(headers, known), location)


def _kept(value: Any, known: list[str]) -> Any:
    """Without secrets, and without characters that no database takes."""
    if isinstance(value, dict):
        return {_kept(name, known): _kept(item, known) for name, item in value.items()}
    if isinstance(value, list):
        return [_kept(item, known) for item in value]
    if isinstance(value, str):
        return redact(value, known).replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    return value
