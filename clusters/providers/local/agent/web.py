"""The contract over HTTP: `POST /<part>/<method>` with the arguments as JSON, `PUT /packages/<name>/<version>`.

Answers 200 with the value as JSON, or an error's kind, message and field with the status of `STATUS`. Each request but
`GET /health` carries the token as a bearer.
"""

from __future__ import annotations

import functools
import hmac
import inspect
import tempfile
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError, validate_call
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from clusters.core.values import InvalidValue, Package
from clusters.providers import base
from clusters.providers.base import (
    Conflict,
    InvalidRequest,
    NameTaken,
    NotFound,
    ProviderError,
    Throttled,
    Unavailable,
)
from clusters.providers.local.agent.packages import Packages
from clusters.providers.local.archive import MAX_ARCHIVE_BYTES, refuse

STATUS: dict[type[ProviderError], int] = {
    NotFound: 404,
    NameTaken: 409,
    Conflict: 409,
    InvalidRequest: 422,
    Throttled: 429,
    Unavailable: 503,
}
CONTRACT: dict[str, type] = {
    "server_groups": base.ServerGroups,
    "instances": base.Instances,
    "images": base.Images,
    "load_balancers": base.LoadBalancers,
    "security_groups": base.SecurityGroups,
    "packages": base.Packages,
}
#: The one method whose argument does not go as JSON.
UPLOAD = "put"
#: A call's arguments: an environment, a thousand rules.
LARGEST_BODY = 1024**2

_Arguments: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
Handler = Callable[[Request], Any]


def application(parts: Mapping[str, object], packages: Packages, token: str, facts: Callable[[], Any]) -> Starlette:
    """`parts` by name, each method of the contract a route; `facts` is what /health tells."""

    async def health(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(facts))

    guard = functools.partial(_guarded, token)
    routes = [
        Route("/health", health),
        Route("/packages/{name}/{version}", guard(_upload(packages)), methods=["PUT"]),
    ]
    for part, contract in CONTRACT.items():
        for name, _ in inspect.getmembers(contract, inspect.isfunction):
            if not name.startswith("_") and name != UPLOAD:
                handler = guard(_call(getattr(parts[part], name)))
                routes.append(Route(f"/{part}/{name}", handler, methods=["POST"]))
    return Starlette(routes=routes)


def _guarded(token: str, handler: Handler) -> Handler:
    async def guarded(request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return JSONResponse({"error": "ProviderError", "message": "wrong token", "field": ""}, 401)
        try:
            answer: Response = await handler(request)
        except ProviderError as error:
            return _refusal(error)
        return answer

    return guarded


def _call(method: Callable[..., Any]) -> Handler:
    """A method whose arguments and answer go by its type hints."""
    checked = validate_call(method)
    codec: TypeAdapter[Any] = TypeAdapter(get_type_hints(method)["return"])

    async def call(request: Request) -> Response:
        if int(request.headers.get("content-length", 0)) > LARGEST_BODY:
            raise InvalidRequest("the request is too large")
        try:
            arguments = _Arguments.validate_json(await request.body())
            answer = await run_in_threadpool(lambda: checked(**arguments))
        except ValidationError as error:
            raise _invalid(error) from error
        return Response(codec.dump_json(answer), media_type="application/json")

    return call


def _upload(packages: Packages) -> Handler:
    codec = TypeAdapter(Package)

    async def upload(request: Request) -> Response:
        with tempfile.TemporaryFile() as archive:
            async for chunk in request.stream():
                if archive.tell() + len(chunk) > MAX_ARCHIVE_BYTES:
                    raise refuse(f"is larger than {MAX_ARCHIVE_BYTES // 1024**2} MiB")
                archive.write(chunk)
            name, version = request.path_params["name"], request.path_params["version"]
            package = await run_in_threadpool(packages.put, name, version, archive)
        return Response(codec.dump_json(package), media_type="application/json")

    return upload


def _invalid(error: ValidationError) -> InvalidRequest:
    """Values that refuse themselves know the field's name in a pipeline; others are named by their place."""
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InvalidValue):
        return InvalidRequest(cause.message, field=cause.field)
    return InvalidRequest(first["msg"], field=".".join(str(part) for part in first["loc"]))


def _refusal(error: ProviderError) -> Response:
    body = {"error": type(error).__name__, "message": error.message, "field": error.field}
    return JSONResponse(body, STATUS.get(type(error), 400))
