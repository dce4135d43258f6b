"""Bodies that are too large end here: Django writes each one to the disk before it asks who sends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

#: All that is no package: a pipeline of 1 MiB, escaped as a form.
LARGEST_BODY = 4 * 1024 * 1024
#: What a form has around the package.
FRAME = 64 * 1024

_TOO_LARGE: list[Message] = [
    {
        "type": "http.response.start",
        "status": 413,
        "headers": [(b"content-type", b"text/plain"), (b"connection", b"close")],
    },
    {"type": "http.response.body", "body": b"This is too large.\n"},
]


class BodyLimit:
    def __init__(self, application: Application, largest_package: int) -> None:
        self._application = application
        self._largest_package = largest_package

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        most = self._most(scope["path"])
        said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if int(said) > most:
            for message in _TOO_LARGE:
                await send(message)
            return
        size = 0

        async def counted() -> Message:
            """A body sent in pieces does not say its length before: to Django its sender has then gone."""
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return message if size <= most else {"type": "http.disconnect"}

        await self._application(scope, counted, send)

    def _most(self, path: str) -> int:
        is_package = path.startswith("/packages/") or (path.startswith("/apps/") and path.endswith("/packages"))
        return self._largest_package + FRAME if is_package else LARGEST_BODY
