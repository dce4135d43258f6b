"""A body that is too large is turned away before any of it is kept."""

import asyncio
from collections.abc import Iterator
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connections
from django.test import Client

from clusters.models import Account, AccountPermission
from clusters.trust.permissions import READ, WRITE
from spinnaker_web import asgi
from spinnaker_web.access import session_limits, tokens
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
    scope = {"type": "http", "method": "PUT", "path": path, "headers": headers}

    async def may_upload(_: Any) -> bool:
        return True

    asyncio.run(BodyLimit(application, PACKAGE, may_upload)(scope, receive, send))
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


def sent_to_the_site(scope: dict[str, Any]) -> tuple[int, dict[str, str], str, int]:
    """(status, headers, text, bodies asked for) of the real application, asked with the head of a request."""
    sent: list[Any] = []
    asked = 0

    async def receive() -> Any:
        nonlocal asked
        asked += 1
        if asked > 1:
            await asyncio.Future()
        return {"type": "http.request", "body": b"x" * 1000, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(asgi.application(scope, receive, send))
    headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent).decode(), asked


def head(headers: dict[str, str], query: str = "", path: str = "/packages/shop/1.0", method: str = "PUT") -> Any:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "query_string": query.encode(),
        "headers": [
            (name.encode(), value.encode())
            for name, value in {"host": "localhost", "content-length": "1000", **headers}.items()
        ],
        "client": ("10.0.0.1", 1234),
        "server": ("localhost", 80),
    }


@pytest.fixture
def threads() -> Iterator[None]:
    """Those that answered keep their connections, but not to a database of tests."""
    yield
    together = Barrier(len(asgi.THREADS._threads))

    def close() -> None:
        connections.close_all()
        together.wait(10)

    for closed in [asgi.THREADS.submit(close) for _ in range(together.parties)]:
        closed.result()


@pytest.fixture
def token(transactional_db: None, threads: None) -> str:
    """Of somebody who may write to the account "mine" and only read "theirs"."""
    ana, makers = User.objects.create_user("ana"), Group.objects.create(name="makers")
    ana.groups.add(makers)
    for name, authorization in (("mine", WRITE), ("theirs", READ)):
        account = Account.objects.create(name=name, provider="nowhere", regions=["local"])
        AccountPermission.objects.create(account=account, role=makers, authorization=authorization)
    return tokens.make(ana, "CI")


def test_no_package_is_received_of_those_who_may_not_upload(token: str) -> None:
    mine = {"authorization": f"Bearer {token}"}
    status, headers, text, asked = sent_to_the_site(head({}))
    assert (status, headers["connection"], asked) == (403, "close", 0), text
    assert sent_to_the_site(head({"authorization": "Bearer nothing"}))[::3] == (401, 0)
    status, _, text, asked = sent_to_the_site(head(mine, "account=theirs"))
    assert (status, asked) == (403, 0)
    assert "ana lacks WRITE on account theirs." in text
    assert sent_to_the_site(head({}, path="/apps/shop/packages", method="POST"))[::3] == (403, 0)
    assert sent_to_the_site(head(mine, "account=mine"))[3] > 0


def test_a_session_may_upload_as_long_as_it_goes_on(token: str) -> None:
    client = Client()
    client.force_login(User.objects.get(username="ana"))
    client.get("/me")
    cookie = {"cookie": f"sessionid={client.cookies['sessionid'].value}"}
    assert sent_to_the_site(head(cookie, path="/apps/shop/packages", method="POST"))[3] > 0
    session = client.session
    session[session_limits.SEEN] -= 2 * 3600
    session.save()
    assert sent_to_the_site(head(cookie, path="/apps/shop/packages", method="POST"))[3] == 0
