"""Baking an image from a package, as an effect of a step: intend, start by token, then look until it has ended."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from clusters import queries
from clusters.core import values
from clusters.operations.places import still_writable, writable
from clusters.trust import audit
from clusters.trust.permissions import Actor

Json = dict[str, Any]


def intend_bake(actor: Actor, account: str, request: values.BakeRequest, *, execution_id: str = "") -> Json:
    """Raises Refused without WRITE on the account, InvalidValue when account or region is not in use."""
    writable(actor, account, request.region)
    intent: Json = {"kind": "bake", "account": account, "region": request.region, "request": asdict(request)}
    target = "image", f"{account}/{request.region}/{request.package}-{request.version}"
    audit.record(actor, "image.bake", target, after=intent["request"], execution_id=execution_id)
    return intent


def start_bake(actor: Actor, intent: Json, token: str) -> values.Bake:
    """Idempotent by the token: also finds a bake started before a crash. Raises Refused, ProviderError."""
    images = still_writable(actor, intent).provider.images
    return images.start_bake(intent["account"], values.BakeRequest(**intent["request"]), token)


def bake(actor: Actor, account: str, region: str, bake_id: str) -> values.Bake:
    """How it stands. Raises Refused without READ on the account, ProviderError."""
    return queries.readable(actor, account).images.bake(account, region, bake_id)
