"""Bodies that are too large, and packages of those who may send none, end here.

Django writes each body to the disk before it asks who sends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
MayUpload = Callable[[Message], Awaitable[bool]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

#: All that is no package: a pipeline of 1 MiB, escaped as a form.
LARGEST_BODY = 4 * 1024 * 1024
#: What a form has around the package.
FRAME = 64 * 1024

SAFE = ("GET", "HEAD", "OPTIONS")

_TOO_LARGE: list[Message] = [
    {
        "type": "http.response.start",
        "status": 413,
        "headers": [(b"content-type", b"text/plain"), (b"connection", b"close")],
    },
    {"type": "http.response.body", "body": b"This is too large.\n"},
]


class BodyLimit:
    """`may_upload` says by the head of a request whether its sender may upload a package; it may use the database."""

    def __init__(self, application: Application, largest_package: int, may_upload: MayUpload) -> None:
        self._application = application
        self._largest_package = largest_package
        self._may_upload = may_upload

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        is_package = _is_package(scope["path"])
        most = self._largest_package + FRAME if is_package else LARGEST_BODY
        said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if int(said) > most:
            for message in _TOO_LARGE:
                await send(message)
            return
        if is_package and scope["method"] not in SAFE and not await self._may_upload(scope):
            await self._application(_without_body(scope), _nothing(), _last(send))
            return
        size = 0

        async def counted() -> Message:
            """A body sent in pieces does not say its length before: to Django its sender has then gone."""
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return message if size <= most else {"type": "http.disconnect"}

        await self._application(scope, counted, send)


def _is_package(path: str) -> bool:
    return path.startswith("/packages/") or (path.startswith("/apps/") and path.endswith("/packages"))


def _without_body(scope: Message) -> Message:
    """The application says who may not do what, as it does for every other request."""
    headers = [pair for pair in scope["headers"] if pair[0] not in (b"content-length", b"content-type")]
    return {**scope, "headers": headers}


def _nothing() -> Receive:
    """An empty body; after it Django listens for the sender's going, until it has answered."""
    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await asyncio.Future()

    return receive


def _last(send: Send) -> Send:
    """What is still on its way belongs to no further request."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return sent
