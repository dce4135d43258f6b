"""Finds the newest image of a package that carries certain tags, for the stages behind to deploy."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, ClassVar

from clusters import queries
from clusters.core.values import Image
from pipelines.core.plan import Json, Observe, Outcome, StageView, StepFailed, StepSpec, StepView, Succeeded
from pipelines.stages.base import BaseStage, cloud_errors
from pipelines.stages.parts import pace
from pipelines.stages.parts.images import build_of
from pipelines.stages.parts.place import AccountConfig, sole_account


class Config(AccountConfig):
    #: A package's name; * stands for any text.
    package_name: str
    #: All must be there.
    tags: dict[str, str] = {}
    image_owner_account: str = ""


def _find(step: StepView, config: Config) -> Outcome:
    account = config.image_owner_account or sole_account(step.stage.actor, config)
    details = [_details(step.stage, config, _newest(step, config, account, region)) for region in config.region_names]
    artifacts = [{"type": "image", "name": one["imageName"], "reference": one["imageId"]} for one in details]
    return Succeeded({"amiDetails": details, "artifacts": artifacts}, {"deploymentDetails": details})


def _newest(step: StepView, config: Config, account: str, region: str) -> Image:
    """Images of exactly the package before those that only match the pattern."""
    with cloud_errors():
        images = queries.live_images(step.stage.actor, account, region)
    matching = [image for image in images if config.tags.items() <= image.tags.items()]
    exact = [image for image in matching if _package(image) == config.package_name]
    like = [
        image
        for image in matching
        if fnmatchcase(_package(image), config.package_name) or fnmatchcase(image.name, f"{config.package_name}*")
    ]
    for image in (*exact, *like):
        return image
    tags = ", ".join(f"{name}={value}" for name, value in config.tags.items()) or "none"
    message = f"Could not find tagged image for package: {config.package_name} and tags: {tags} in {region}."
    raise StepFailed(message, field="packageName")


def _package(image: Image) -> str:
    """As the tag appversion begins, name-version, where the image does not say."""
    return image.package or image.tags.get("appversion", "").partition("-")[0]


def _details(stage: StageView, config: Config, image: Image) -> Json:
    details: Json = {
        "ami": image.id,
        "imageId": image.id,
        "imageName": image.name,
        "cloudProvider": config.provider_key,
        "refId": stage.ref,
        "region": image.region,
        "package": image.package,
        "version": image.version,
        "tags": dict(image.tags),
    }
    build = build_of(image.tags)
    return details | {"jenkins": build} if build else details


class FindImageFromTags(BaseStage):
    key: ClassVar[str] = "findImageFromTags"
    label: ClassVar[str] = "Find image from tags"
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (Observe("findImage", _find, pace.FIND_IMAGE, is_timeout_overridable=False),)
