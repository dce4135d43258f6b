"""Which image a deployment launches: its own, or what an earlier stage or the trigger supplies for the region."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from clusters import queries
from pipelines.core.plan import Json, StageView, StepFailed
from pipelines.stages.parts.launch import Launch

Details = Mapping[str, Any]

GLOBAL = "global"


def chosen_image(stage: StageView, launch: Launch, region: str) -> str:
    """The id of the image named, else of the one supplied. Raises StepFailed when there is none."""
    own = launch.image_id or _image_named(stage, launch, region)
    image = own or supplied_image(stage, region, launch.provider_key)
    if not image:
        message = (
            f"No AMI found for {region}. Make sure an upstream stage (e.g. bake, find image) or the pipeline trigger "
            "is supplying an AMI, or set imageId."
        )
        raise StepFailed(message, field="imageId")
    return image


def _image_named(stage: StageView, launch: Launch, region: str) -> str:
    """`amiName` is an image's name, or its id."""
    if not launch.ami_name:
        return ""
    there = queries.live_images(stage.actor, launch.account_name, region)
    named = [image.id for image in there if image.name == launch.ami_name]
    return named[0] if named else launch.ami_name


def supplied_image(stage: StageView, region: str, provider: str = "") -> str | None:
    """The image's id: of the nearest stage with `ami` or `amiDetails`, else of any with `deploymentDetails`.

    The stages of the pipeline that started this one come last.
    """
    for details in (*_named(stage), *_listed(stage)):
        if _fits(details, region, provider) and (image := details.get("imageId") or details.get("ami")):
            return str(image)
    return None


def _named(stage: StageView) -> Iterator[Details]:
    for ancestor in stage.ancestors:
        context = ancestor.context
        if context.get("ami"):
            yield context
        yield from context.get("amiDetails") or ()


def _listed(stage: StageView) -> Iterator[Details]:
    yield from stage.context.get("deploymentDetails") or ()
    for ancestor in stage.ancestors:
        yield from ancestor.outputs.get("deploymentDetails") or ancestor.context.get("deploymentDetails") or ()
    for earlier in (stage.trigger.get("parentExecution") or {}).get("stages") or ():
        yield from (earlier.get("outputs") or {}).get("deploymentDetails") or ()


def _fits(details: Details, region: str, provider: str) -> bool:
    clouds = (details.get("cloudProvider") or details.get("cloudProviderType") or provider, provider)
    return details.get("region") in (region, GLOBAL) and len({cloud for cloud in clouds if cloud}) <= 1


def deployed_to(stage: StageView) -> list[str]:
    """Regions of the clusters in deploy stages behind this one; expressions in them are not known yet."""
    regions: list[str] = []
    for later in stage.downstream:
        if later.type_key == "deploy":
            for cluster in later.context.get("clusters") or ():
                regions += [cluster["region"]] if cluster.get("region") else cluster.get("availabilityZones") or ()
    return [region for region in regions if "${" not in region]


def build_of(tags: Mapping[str, str]) -> Json | None:
    """Which build an image's package is of, where the tag appversion says so: name-version/job/number."""
    parts = tags.get("appversion", "").split("/")
    if len(parts) != 3:
        return None
    return {"name": parts[1], "number": parts[2], "host": tags.get("build_host", "")}
