"""Tags images: those named, or those that an earlier stage has found or baked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import field_validator

from clusters import queries
from clusters.operations import images
from clusters.providers.base import BUILT_IN_TAGS
from pipelines.core.plan import (
    ABSENT,
    Absent,
    Effect,
    Intent,
    Json,
    Observe,
    Outcome,
    Running,
    StageView,
    StepFailed,
    StepSpec,
    StepView,
    Succeeded,
)
from pipelines.stages.base import BaseStage, cloud_errors
from pipelines.stages.parts import pace
from pipelines.stages.parts.place import AccountConfig, sole_account

COUNT = "tagged"
_KEY = re.compile(r"[a-z0-9_-]{1,128}")


class Config(AccountConfig):
    needs_region: ClassVar[bool] = False

    tags: dict[str, str]
    image_names: tuple[str, ...] = ()
    #: refIds of stages whose images are meant; none given: the nearest that supplies some.
    considered_stages: tuple[str, ...] = ()

    @field_validator("tags")
    @classmethod
    def _plain(cls, tags: dict[str, str]) -> dict[str, str]:
        if not tags:
            raise ValueError("give at least one tag")
        for key in tags:
            if not _KEY.fullmatch(key) and "${" not in key:
                raise ValueError(f"{key!r} is not made of lower-case letters, digits, _ and -")
        return tags

    @property
    def own_tags(self) -> dict[str, str]:
        """Without those of the bake, which stay as they are."""
        return {name: value for name, value in self.tags.items() if name not in BUILT_IN_TAGS}


def _intend(step: StepView, config: Config) -> Intent:
    actor = step.stage.actor
    with cloud_errors("Nothing was tagged."):
        account = sole_account(actor, config)
        calls = [
            images.intend_tag(actor, account, region, image, config.own_tags, execution_id=step.stage.execution_id)
            for region, image in _wanted(step, config, account)
        ]
    names = ", ".join(f"{call['image_id']} in {call['region']}" for call in calls)
    return Intent({"calls": calls}, f"tag {names}")


def _wanted(step: StepView, config: Config, account: str) -> list[tuple[str, str]]:
    """(region, image id) of each. Raises StepFailed when there is none."""
    supplied = list(dict.fromkeys(_supplied(step.stage, config)))
    regions = config.region_names or tuple(dict.fromkeys(region for region, _ in supplied))
    if not config.image_names:
        found = [one for one in supplied if not config.region_names or one[0] in config.region_names]
    else:
        found = [
            (region, image.id)
            for region in regions
            for image in queries.live_images(step.stage.actor, account, region)
            if image.name in config.image_names or image.id in config.image_names
        ]
    if not found:
        what = ", ".join(config.image_names) or "what an earlier stage would have supplied"
        raise StepFailed(f"There is no image to tag: {what} in {', '.join(regions) or 'any region'}.")
    return found


def _supplied(stage: StageView, config: Config) -> Iterator[tuple[str, str]]:
    for ancestor in stage.ancestors:
        if config.considered_stages and ancestor.ref not in config.considered_stages:
            continue
        details = ancestor.outputs.get("deploymentDetails") or ()
        yield from ((one["region"], one.get("imageId") or one["ami"]) for one in details)
        if details and not config.considered_stages:
            return


def _perform(intent: Intent, step: StepView) -> Outcome:
    calls, done = intent.request["calls"], step.stage.context.get(COUNT, 0)
    if done < len(calls):
        with cloud_errors(f"{done} of {len(calls)} images were tagged before."):
            images.tag(step.stage.actor, calls[done])
        done += 1
    if done < len(calls):
        return Running(f"{intent.summary}, {done} of {len(calls)} done", again_in=0, context={COUNT: done})
    return _succeeded(intent)


def _find(intent: Intent, step: StepView) -> Outcome | Absent:
    with cloud_errors():
        return _succeeded(intent) if all(map(images.is_tagged, intent.request["calls"])) else ABSENT


def _succeeded(intent: Intent) -> Succeeded:
    targets: list[Json] = [
        {"account": call["account"], "region": call["region"], "imageId": call["image_id"]}
        for call in intent.request["calls"]
    ]
    context = {"notification.type": "upsertimagetags", "targets": targets, COUNT: 0}
    return Succeeded(context, note=f"Done: {intent.summary}")


def _wait(step: StepView, config: Config) -> Outcome:
    for target in step.stage.context["targets"]:
        place = target["account"], target["region"], target["imageId"]
        with cloud_errors():
            image = queries.live_image(step.stage.actor, *place)
        if not config.own_tags.items() <= image.tags.items():
            return Running(f"the tags of {image.name} to be reported", again_in=pace.again_in(step))
    return Succeeded()


class UpsertImageTags(BaseStage):
    key: ClassVar[str] = "upsertImageTags"
    label: ClassVar[str] = "Tag image"
    is_restartable: ClassVar[bool] = True
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (
            Effect(
                "upsertImageTags",
                _intend,
                _perform,
                _find,
                timeout_seconds=pace.FIND_IMAGE,
                is_rehearsable=True,
            ),
            Observe("waitForTaggedImage", _wait, pace.FIND_IMAGE, is_timeout_overridable=False),
        )
