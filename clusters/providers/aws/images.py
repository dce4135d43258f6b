"""Images: those of the account, and of other accounts that its settings name."""

from __future__ import annotations

import builtins

from clusters.core.values import Bake, BakeRequest, Image
from clusters.providers.aws import baking
from clusters.providers.aws.client import READ_SECONDS, Aws, Clients, Json
from clusters.providers.aws.image_tags import OWN_TAGS, image_value
from clusters.providers.base import BUILT_IN_TAGS, InvalidRequest, NotFound


class Images:
    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def list(self, account: str, region: str) -> builtins.list[Image]:
        aws = self._clients.at(account, region, seconds=READ_SECONDS)
        owners = ["self", *aws.config.image_owners]
        found = aws.pages("ec2", "describe_images", "Images", Owners=owners)
        return [image_value(aws, image) for image in found if image.get("State", "available") == "available"]

    def get(self, account: str, region: str, image_id: str) -> Image:
        aws = self._clients.at(account, region)
        return image_value(aws, _find(aws, image_id))

    def tag(self, account: str, region: str, image_id: str, tags: dict[str, str]) -> None:
        aws = self._clients.at(account, region)
        if wrong := (BUILT_IN_TAGS | OWN_TAGS).intersection(tags):
            raise InvalidRequest(f"{min(wrong)!r} is not a tag that can be set", field="tags")
        for key in tags:
            if not key or key.startswith("aws:"):
                raise InvalidRequest(f"{key!r} is not a tag that AWS takes", field="tags")
        _find(aws, image_id)
        if tags:
            written = [{"Key": key, "Value": value} for key, value in tags.items()]
            aws.do("ec2", "create_tags", Resources=[image_id], Tags=written)

    def start_bake(self, account: str, request: BakeRequest, token: str) -> Bake:
        return baking.start(self._clients.at(account, request.region), request, token)

    def bake(self, account: str, region: str, bake_id: str) -> Bake:
        return baking.go_on(self._clients.at(account, region), bake_id)


def _find(aws: Aws, image_id: str) -> Json:
    found = aws.read("ec2", "describe_images", ImageIds=[image_id])["Images"]
    if not found:
        raise NotFound(f"image {image_id} does not exist in {aws.region}")
    return dict(found[0])
