"""Talks to the agent: one HTTP request per call over its unix socket, never repeated, at most 2 s to connect and 4 s to
answer. Errors are those of the contract; no answer, or one that blames the agent, is Unavailable.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, BinaryIO, TypeVar, cast
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from clusters.core.values import Package
from clusters.providers import base

T = TypeVar("T")
TIMEOUT = httpx.Timeout(connect=2.0, read=4.0, write=4.0, pool=2.0)
CHUNK_BYTES = 256 * 1024

ERRORS: Mapping[str, type[base.ProviderError]] = {
    kind.__name__: kind
    for kind in (
        base.NotFound,
        base.NameTaken,
        base.InvalidRequest,
        base.Conflict,
        base.Unavailable,
        base.Throttled,
    )
}


class Client:
    """Without arguments it reads Django's settings, at the first call and not before."""

    def __init__(self, socket: str | None = None, token: str | None = None) -> None:
        self._socket = socket
        self._token = token
        self._http: httpx.Client | None = None
        self._lock = threading.Lock()

    def call(self, path: str, answer: type[T], **arguments: Any) -> T:
        """POST `path` ("server_groups/get"). Raises ProviderError."""
        content = to_jsonable_python(arguments)
        return self._decode(answer, self._send("POST", f"/{path}", json=content))

    def upload(self, name: str, version: str, archive: BinaryIO) -> Package:
        path = f"/packages/{quote(name, safe='')}/{quote(version, safe='')}"
        return self._decode(Package, self._send("PUT", path, content=_chunks(archive)))

    def _send(self, method: str, path: str, **body: Any) -> bytes:
        try:
            response = self._connection().request(method, path, **body)
        except httpx.HTTPError as error:
            raise base.Unavailable(
                f"the agent of this host does not answer ({error or type(error).__name__})"
            ) from error
        if response.is_success:
            return response.content
        raise _error(response)

    def _decode(self, answer: type[T], content: bytes) -> T:
        try:
            value: T = _codec(cast(Hashable, answer)).validate_json(content)
        except ValidationError as error:
            raise base.Unavailable(f"the agent of this host gives an answer of another version ({error})") from error
        return value

    def _connection(self) -> httpx.Client:
        with self._lock:
            if self._http is None:
                socket, token = self._socket, self._token
                if socket is None or token is None:
                    from django.conf import settings  # only here: the client also works without Django

                    socket, token = str(settings.AGENT_SOCKET), settings.AGENT_TOKEN
                # A kept connection may belong to an agent that has gone, or to the process we were forked from.
                limits = httpx.Limits(max_keepalive_connections=0)
                self._http = httpx.Client(
                    transport=httpx.HTTPTransport(uds=socket, retries=0, limits=limits),
                    base_url="http://agent",
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=TIMEOUT,
                    trust_env=False,
                )
            return self._http


@functools.cache
def _codec(answer: Any) -> TypeAdapter[Any]:
    """Making one takes as long as the whole call."""
    return TypeAdapter(answer)


def _error(response: httpx.Response) -> base.ProviderError:
    try:
        body = response.json()
        kind, message, field = body["error"], body["message"], body["field"]
    except (ValueError, KeyError, TypeError):
        return base.Unavailable(f"the agent of this host fails (HTTP {response.status_code})")
    return ERRORS.get(kind, base.ProviderError)(message, field=field)


def _chunks(archive: BinaryIO) -> Iterator[bytes]:
    while chunk := archive.read(CHUNK_BYTES):
        yield chunk
