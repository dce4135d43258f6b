"""Baking an image from a package, as an effect of a step: intend, start by token, then look until it has ended.

And tagging one: intend, then tag.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from clusters import inventory, queries
from clusters.core import values
from clusters.operations.places import read_again, still_writable, writable
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


def intend_tag(
    actor: Actor, account: str, region: str, image_id: str, tags: dict[str, str], *, execution_id: str = ""
) -> Json:
    """Raises Refused without WRITE on the account, InvalidValue when account or region is not in use; NotFound."""
    before = writable(actor, account, region).provider.images.get(account, region, image_id).tags
    intent: Json = {"kind": "tag", "account": account, "region": region, "image_id": image_id, "tags": tags}
    target = "image", f"{account}/{region}/{image_id}"
    changed = {name: before[name] for name in tags if name in before}
    audit.record(actor, "image.tag", target, changed, tags, execution_id=execution_id)
    return intent


def tag(actor: Actor, intent: Json) -> None:
    """Again is harmless. Raises Refused, ProviderError."""
    account, region, image_id = intent["account"], intent["region"], intent["image_id"]
    still_writable(actor, intent).provider.images.tag(account, region, image_id, intent["tags"])
    read_again(inventory.refresh_image, account, region, image_id)


def is_tagged(intent: Json) -> bool:
    """Raises ProviderError when that cannot be told."""
    images = queries.provider_named(intent["account"]).images
    image = images.get(intent["account"], intent["region"], intent["image_id"])
    wanted: dict[str, str] = intent["tags"]
    return wanted.items() <= image.tags.items()


def bake(actor: Actor, account: str, region: str, bake_id: str) -> values.Bake:
    """How it stands. Raises Refused without READ on the account, ProviderError."""
    return queries.readable(actor, account).images.bake(account, region, bake_id)
