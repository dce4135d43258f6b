"""Finds the image that a cluster runs, for the stages behind to deploy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, ClassVar

import re2
from pydantic import field_validator

from clusters import queries
from clusters.core.values import Image, ServerGroup
from clusters.providers.base import NotFound
from pipelines.core.plan import Json, Observe, Outcome, Running, StageView, StepFailed, StepSpec, StepView, Succeeded
from pipelines.stages.base import BaseStage, cloud_errors
from pipelines.stages.parts import pace
from pipelines.stages.parts.cluster_wide import ClusterWideConfig
from pipelines.stages.parts.images import GLOBAL, build_of, deployed_to

#: What people write runs in time linear in the name, and says what is wrong with it once, to them.
_PATTERN = re2.Options()
_PATTERN.max_mem = 1 << 20
_PATTERN.log_errors = False


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
    #: A regular expression for the whole of an image's name; what was chosen otherwise must match it.
    image_name_pattern: str = ""
    skip_region_detection: bool = False

    @field_validator("image_name_pattern")
    @classmethod
    def _readable(cls, pattern: str) -> str:
        if "${" not in pattern:  # as saved, it may yet become one
            _compiled(pattern)
        return pattern

    def accepts(self, image: Image) -> bool:
        return not self.image_name_pattern or bool(_compiled(self.image_name_pattern).fullmatch(image.name))


def _compiled(pattern: str) -> Any:
    try:
        return re2.compile(pattern, _PATTERN)
    except re2.error as error:
        why = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise ValueError(f"is no regular expression of RE2: {why}") from None


def _find(step: StepView, config: Config) -> Outcome:
    inferred = _inferred(config, step.stage)
    found: dict[str, Json] = {}
    missing = []
    for region in [*config.region_names, *inferred]:
        groups = _groups(step, config, region)
        if not groups:
            missing.append(region)
            continue
        group = _select(groups, config.selection_strategy, region)
        image = _image_of(step, config, group)
        if image is None:
            return Running(f"image {group.image_id} of {group.name} to appear", again_in=pace.again_in(step))
        _require_match(config, image, group, groups)
        found[region] = _details(step.stage, config, image, group.name)
    bases = {_base_name(details["imageName"]) for details in found.values()}
    for region in missing:
        found[region] = _details(step.stage, config, _of_same_base(step, config, region, bases), "")
    details = list(found.values())
    artifacts = [{"type": "image", "name": d["imageName"], "reference": d["imageId"]} for d in details]
    context = {"amiDetails": details, "artifacts": artifacts, "regions": list(found)}
    return Succeeded(context, {"deploymentDetails": details, "inferredRegions": inferred})


def _inferred(config: Config, stage: StageView) -> list[str]:
    """Regions that stages behind this one deploy to."""
    if config.skip_region_detection or GLOBAL in config.region_names:
        return []
    return [region for region in deployed_to(stage) if region not in config.region_names]


def _groups(step: StepView, config: Config, region: str) -> list[ServerGroup]:
    """Those to choose from, newest first."""
    with cloud_errors():
        groups = queries.live_cluster(step.stage.actor, config.account_name, region, config.cluster_name)
    return [group for group in groups if not (config.only_enabled and group.is_disabled)]


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


def _require_match(config: Config, image: Image, group: ServerGroup, groups: Sequence[ServerGroup]) -> None:
    """An older server group's image is never taken instead: it is not what the selection means."""
    if config.accepts(image):
        return
    considered = "enabled server groups" if config.only_enabled else "server groups"
    message = (
        f"imageNamePattern: {config.image_name_pattern!r} does not match {image.name!r} ({image.id}), the image of "
        f"{group.name} in {group.region}. Looked at {len(groups)} {considered} of {config.cluster_name}, by "
        f"{config.selection_strategy}: {', '.join(one.name for one in groups)}."
    )
    raise StepFailed(message, field="imageNamePattern")


def _of_same_base(step: StepView, config: Config, region: str, bases: set[str]) -> Image:
    not_found = f"Could not find cluster {config.cluster_name!r} for {config.account_name!r} in {region!r}."
    if not config.resolve_missing_locations:
        raise StepFailed(not_found, field="cluster")
    if len(bases) != 1:
        raise StepFailed(f"{not_found} Nor is there exactly one image name to look for there.", field="cluster")
    base = next(iter(bases))
    with cloud_errors():
        images = queries.live_images(step.stage.actor, config.account_name, region)
    named = [image for image in images if _base_name(image.name) == base]
    for image in filter(config.accepts, named):
        return image
    if named:
        why = f"imageNamePattern {config.image_name_pattern!r} matches none of {', '.join(one.name for one in named)}"
        raise StepFailed(f"{not_found} Images of the same base name are there, but {why}.", field="imageNamePattern")
    raise StepFailed(f"{not_found} Nor is any of {len(images)} images there named {base}.", field="cluster")


def _base_name(name: str) -> str:
    """Image names end in how their disk is stored, which differs by region."""
    return re.split(r"-(?:ebs|s3)", name)[0]


def _details(stage: StageView, config: Config, image: Image, group: str) -> Json:
    details: Json = {
        "ami": image.id,
        "imageId": image.id,
        "imageName": image.name,
        "cloudProvider": config.provider_key,
        "refId": stage.ref,
        "region": image.region,
        "sourceServerGroup": group,
        "package": image.package,
        "version": image.version,
        "tags": dict(image.tags),
    }
    build = build_of(image.tags)
    return details | {"jenkins": build} if build else details


class FindImage(BaseStage):
    key: ClassVar[str] = "findImage"
    label: ClassVar[str] = "Find image from cluster"
    aliases: ClassVar[tuple[str, ...]] = ("findAmi",)
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (Observe("findImage", _find, pace.FIND_IMAGE, is_timeout_overridable=False),)
