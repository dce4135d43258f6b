"""The tags that a bake leaves on builders and images, and an image as a value by them."""

from __future__ import annotations

import re
from datetime import datetime

from clusters.core.values import Image
from clusters.providers.aws import places
from clusters.providers.aws.client import Aws, Json
from clusters.providers.base import TOKEN_TAG

BAKE_TAG, KEY_TAG, IMAGE_NAME_TAG = "spinnaker-bake", "spinnaker-bake-key", "spinnaker-image-name"
PACKAGE_TAG, VERSION_TAG, BASE_TAG = "spinnaker-package", "spinnaker-version", "spinnaker-base"
OWN_TAGS = frozenset({BAKE_TAG, KEY_TAG, IMAGE_NAME_TAG, PACKAGE_TAG, VERSION_TAG, BASE_TAG, TOKEN_TAG})

#: Netflix's form: name-version[-commit or build][/job/number].
_APPVERSION = re.compile(
    r"(?P<package>[a-zA-Z0-9_.+~-]+?)-(?P<version>[0-9][a-zA-Z0-9_.+~]*(?:-[a-zA-Z0-9_.+~]+)*)(?:/.*)?"
)


def image_value(aws: Aws, image: Json) -> Image:
    tags = places.tags_of(image)
    package, version = package_of(tags)
    shown = {key: value for key, value in tags.items() if key not in OWN_TAGS}
    return Image(
        account=aws.account,
        region=aws.region,
        id=image["ImageId"],
        name=image.get("Name", ""),
        created_at=datetime.fromisoformat(image["CreationDate"].replace("Z", "+00:00")),
        package=package,
        version=version,
        base=tags.get(BASE_TAG, "") or tags.get("base_ami_version", ""),
        tags=shown,
    )


def package_of(tags: dict[str, str]) -> tuple[str, str]:
    """Package and version, as we wrote them or as `appversion` tells."""
    if PACKAGE_TAG in tags:
        return tags[PACKAGE_TAG], tags.get(VERSION_TAG, "")
    told = _APPVERSION.fullmatch(tags.get("appversion", ""))
    return (told["package"], told["version"]) if told else ("", "")
