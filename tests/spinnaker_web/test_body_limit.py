"""A body that is too large is turned away before any of it is kept."""

import asyncio
from typing import Any

import pytest

from spinnaker_web.body_limit import FRAME, LARGEST_BODY, BodyLimit

PACKAGE = 8 * 1024 * 1024


def answer(path: str, sizes: list[int], *, says_length: bool = True) -> tuple[int, int]:
    """(status, bytes that the application got); 0 when it was told that the sender has gone."""
    pieces = [{"type": "http.request", "body": bytes(size), "more_body": True} for size in sizes]
    pieces.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []
    got = 0

    async def receive() -> Any:
        return pieces.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        nonlocal got
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            got += len(message["body"])
            if not message["more_body"]:
                await send({"type": "http.response.start", "status": 200})
                return

    headers = [(b"content-length", str(sum(sizes)).encode())] if says_length else []
    scope = {"type": "http", "path": path, "headers": headers}
    asyncio.run(BodyLimit(application, PACKAGE)(scope, receive, send))
    return (sent[0]["status"] if sent else 0), got


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/login", LARGEST_BODY),
        ("/packages/shop/1.0", PACKAGE + FRAME),
        ("/apps/shop/packages", PACKAGE + FRAME),
        ("/other/packages", LARGEST_BODY),
    ],
)
def test_only_a_package_may_be_large(path: str, most: int) -> None:
    assert answer(path, [most]) == (200, most)
    assert answer(path, [most, 1]) == (413, 0)


def test_a_body_in_pieces_is_counted() -> None:
    assert answer("/login", [LARGEST_BODY, 1, 10], says_length=False) == (0, LARGEST_BODY)
