"""What the client makes of an agent that is away, refuses, or speaks another language."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from clusters.core.values import Capacity, InvalidValue, ServerGroup
from clusters.providers import base
from clusters.providers.local.agent import web
from clusters.providers.local.client import Client, _error
from clusters.providers.local.cloud import LocalCloud
from clusters.providers.memory import MemoryCloud


class Http:
    """Requests straight to an application."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    def get(self, path: str) -> httpx.Response:
        return self._send("GET", path)

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self._send("POST", path, **body)

    def put(self, path: str, **body: Any) -> httpx.Response:
        return self._send("PUT", path, **body)

    def _send(self, method: str, path: str, **body: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://agent") as client:
                return await client.request(method, path, **body)

        return asyncio.run(send())


@pytest.fixture
def http() -> Http:
    """The agent's web part in front of a memory cloud."""
    cloud = MemoryCloud()
    parts = {name: getattr(cloud, name) for name in web.CONTRACT}
    return Http(web.application(parts, cloud.packages, "secret", lambda: {"status": "ok"}))


def test_an_agent_that_is_away_is_unavailable(tmp_path: Path) -> None:
    cloud = LocalCloud(Client(str(tmp_path / "none"), "token"))
    with pytest.raises(base.Unavailable, match="does not answer"):
        cloud.server_groups.list("acme", "local")


@pytest.mark.parametrize("kind", sorted(web.STATUS, key=str), ids=lambda kind: kind.__name__)
def test_an_error_keeps_its_kind_message_and_field(kind: type[base.ProviderError]) -> None:
    answer = web._refusal(kind("why", field="name"))
    error = _error(httpx.Response(answer.status_code, content=bytes(answer.body)))
    assert (type(error), error.message, error.field) == (kind, "why", "name")


def test_an_answer_in_another_language_is_unavailable() -> None:
    assert type(_error(httpx.Response(500, text="oops"))) is base.Unavailable
    with pytest.raises(base.Unavailable):
        Client()._decode(ServerGroup, b'{"name": 1}')


def test_health_needs_no_token_and_all_else_does(http: Http) -> None:
    assert http.get("/health").json() == {"status": "ok"}
    body = {"account": "acme", "region": "local"}
    assert http.post("/server_groups/list", json=body).status_code == 401
    wrong = {"Authorization": "Bearer other"}
    assert http.post("/server_groups/list", json=body, headers=wrong).status_code == 401
    assert http.put("/packages/a/1", content=b"").status_code == 401
    right = {"Authorization": "Bearer secret"}
    assert http.post("/server_groups/list", json=body, headers=right).json() == []


@pytest.mark.parametrize(
    "path", ["/images/start", "/images/stop", "/server_groups/_find", "/packages/put", "/server_groups/__init__"]
)
def test_only_the_contract_is_reachable(http: Http, path: str) -> None:
    assert http.post(path, json={}, headers={"Authorization": "Bearer secret"}).status_code in (404, 405)


def test_a_value_that_refuses_itself_names_the_field(http: Http) -> None:
    with pytest.raises(InvalidValue):
        Capacity(1, 0, 0)
    body = {"account": "a", "region": "local", "name": "n", "capacity": {"min": 1, "desired": 0, "max": 0}}
    answer = http.post("/server_groups/resize", json=body, headers={"Authorization": "Bearer secret"})
    assert (answer.status_code, answer.json()["error"], answer.json()["field"]) == (422, "InvalidRequest", "capacity")


def test_a_body_that_is_no_call_is_refused(http: Http) -> None:
    headers = {"Authorization": "Bearer secret"}
    assert http.post("/server_groups/list", content=b"{", headers=headers).status_code == 422
    assert http.post("/server_groups/list", content=b"[]", headers=headers).status_code == 422
    assert http.post("/server_groups/list", json={"account": "acme"}, headers=headers).status_code == 422
    assert http.post("/server_groups/list", json={"region": "x" * 2_000_000}, headers=headers).status_code == 422
