"""Images and bakes by way of the agent."""

from __future__ import annotations

import builtins

from clusters.core.values import Bake, BakeRequest, Image
from clusters.providers.local.client import Client


class Images:
    def __init__(self, client: Client) -> None:
        self._call = client.call

    def list(self, account: str, region: str) -> builtins.list[Image]:
        return self._call("images/list", builtins.list[Image], account=account, region=region)

    def get(self, account: str, region: str, image_id: str) -> Image:
        return self._call("images/get", Image, account=account, region=region, image_id=image_id)

    def tag(self, account: str, region: str, image_id: str, tags: dict[str, str]) -> None:
        self._call("images/tag", type(None), account=account, region=region, image_id=image_id, tags=tags)

    def start_bake(self, account: str, request: BakeRequest, token: str) -> Bake:
        return self._call("images/start_bake", Bake, account=account, request=request, token=token)

    def bake(self, account: str, region: str, bake_id: str) -> Bake:
        return self._call("images/bake", Bake, account=account, region=region, bake_id=bake_id)
