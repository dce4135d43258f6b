"""Finds the image that a cluster runs, for the stages behind to deploy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import field_validator

from clusters import queries
from clusters.core.values import Image, ServerGroup
from clusters.providers.base import NotFound
from pipelines.core.plan import Json, Observe, Outcome, Running, StageView, StepFailed, StepSpec, StepView, Succeeded
from pipelines.stages.base import BaseStage, cloud_errors
from pipelines.stages.parts import pace
from pipelines.stages.parts.cluster_wide import ClusterWideConfig
from pipelines.stages.parts.images import GLOBAL, deployed_to


class Selection(StrEnum):
    LARGEST = "LARGEST"
    NEWEST = "NEWEST"
    OLDEST = "OLDEST"
    FAIL = "FAIL"


class Config(ClusterWideConfig):
    only_enabled: bool = True
    #: Which server group's image, where the cluster has several; FAIL: none of them.
    selection_strategy: Selection = Selection.NEWEST
    #: Where the cluster is missing in a region: look for an image of the same base name.
    resolve_missing_locations: bool = False
    image_name_pattern: str = ""
    skip_region_detection: bool = False

    @field_validator("image_name_pattern")
    @classmethod
    def _no_pattern(cls, pattern: str) -> str:
        if pattern:
            raise ValueError("patterns are not supported: images are found by the base of their name")
        return pattern


def _find(step: StepView, config: Config) -> Outcome:
    inferred = _inferred(config, step.stage)
    found: dict[str, Json] = {}
    missing = []
    for region in [*config.region_names, *inferred]:
        group = _chosen(step, config, region)
        if group is None:
            missing.append(region)
        elif (image := _image_of(step, config, group)) is None:
            return Running(f"image {group.image_id} of {group.name} to appear", again_in=pace.again_in(step))
        else:
            found[region] = _details(step.stage, config, image, group.name)
    bases = {_base_name(details["imageName"]) for details in found.values()}
    for region in missing:
        found[region] = _details(step.stage, config, _of_same_base(step, config, region, bases), "")
    details = list(found.values())
    artifacts = [{"type": "image", "name": d["imageName"], "reference": d["imageId"]} for d in details]
    context = {"amiDetails": details, "artifacts": artifacts}
    return Succeeded(context, {"deploymentDetails": details, "inferredRegions": inferred})


def _inferred(config: Config, stage: StageView) -> list[str]:
    """Regions that stages behind this one deploy to."""
    if config.skip_region_detection or GLOBAL in config.region_names:
        return []
    return [region for region in deployed_to(stage) if region not in config.region_names]


def _chosen(step: StepView, config: Config, region: str) -> ServerGroup | None:
    with cloud_errors():
        groups = queries.live_cluster(step.stage.actor, config.account_name, region, config.cluster_name)
    if config.only_enabled:
        groups = [group for group in groups if not group.is_disabled]
    return _select(groups, config.selection_strategy, region) if groups else None


def _select(groups: Sequence[ServerGroup], selection: Selection, region: str) -> ServerGroup:
    """Of some, newest first."""
    match selection:
        case Selection.LARGEST:
            return max(groups, key=lambda group: len(group.instances))
        case Selection.OLDEST:
            return groups[-1]
        case Selection.FAIL if len(groups) > 1:
            names = ", ".join(group.name for group in groups)
            raise StepFailed(f"Multiple possible server groups present in {region}: {names}.")
        case _:
            return groups[0]


def _image_of(step: StepView, config: Config, group: ServerGroup) -> Image | None:
    with cloud_errors():
        try:
            return queries.live_image(step.stage.actor, config.account_name, group.region, group.image_id)
        except NotFound:
            return None


def _of_same_base(step: StepView, config: Config, region: str, bases: set[str]) -> Image:
    not_found = f"Could not find cluster {config.cluster_name!r} for {config.account_name!r} in {region!r}."
    if not config.resolve_missing_locations:
        raise StepFailed(not_found, field="cluster")
    if len(bases) != 1:
        raise StepFailed(f"{not_found} Nor is there exactly one image name to look for there.", field="cluster")
    base = next(iter(bases))
    with cloud_errors():
        for image in queries.live_images(step.stage.actor, config.account_name, region):
            if _base_name(image.name) == base:
                return image
    raise StepFailed(f"{not_found} Nor is there an image named {base}.", field="cluster")


def _base_name(name: str) -> str:
    """Image names end in how their disk is stored, which differs by region."""
    return re.split(r"-(?:ebs|s3)", name)[0]


def _details(stage: StageView, config: Config, image: Image, group: str) -> Json:
    return {
        "ami": image.id,
        "imageId": image.id,
        "imageName": image.name,
        "cloudProvider": config.provider_key,
        "refId": stage.ref,
        "region": image.region,
        "sourceServerGroup": group,
        "package": image.package,
        "version": image.version,
        "tags": image.tags,
    }


class FindImage(BaseStage):
    key: ClassVar[str] = "findImage"
    label: ClassVar[str] = "Find image from cluster"
    aliases: ClassVar[tuple[str, ...]] = ("findAmi",)
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (Observe("findImage", _find, pace.FIND_IMAGE, is_timeout_overridable=False),)
