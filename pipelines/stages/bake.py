"""Makes an image of a package in each region; equal bakes are done once."""

from __future__ import annotations

from typing import Any, ClassVar

from clusters import queries
from clusters.core.values import Bake as BakeValue
from clusters.core.values import BakeRequest, BakeState
from clusters.operations import images
from clusters.providers.base import NotFound
from pipelines.core.plan import (
    ABSENT,
    Absent,
    Child,
    Effect,
    Failed,
    Intent,
    Json,
    Observe,
    Outcome,
    Running,
    StageView,
    StepSpec,
    StepView,
    Succeeded,
)
from pipelines.stages.base import BaseStage, cloud_errors, inherited
from pipelines.stages.parts import pace
from pipelines.stages.parts.baking import BakeConfig, package_and_version
from pipelines.stages.parts.images import GLOBAL, deployed_to
from pipelines.stages.parts.place import sole_account

#: What a later stage reads of each image, where the bake has it.
_DETAILS = (
    "ami amiName imageId imageName amiSuffix baseLabel baseOs refId storeType vmType region package"
    " cloudProviderType cloudProvider baseAmiId"
)
DETAILS = tuple(_DETAILS.split())


def _intend(step: StepView, config: BakeConfig) -> Intent:
    with cloud_errors():
        account = sole_account(step.stage.actor, config)
        name, version = package_and_version(step.stage.actor, account, config.package, config.package_version)
        request = BakeRequest(
            config.region_names[0],
            name,
            version,
            base=config.base_os,
            name=config.ami_name,
            rebake=config.rebake or step.stage.trigger.get("rebake") is True,
            extra=config.extra,
        )
        bake = images.intend_bake(step.stage.actor, account, request, execution_id=step.stage.execution_id)
    package = f"{name}_{version}"
    return Intent({"bake": bake, "account": account, "package": package}, f"bake {package} in {request.region}")


def _start(intent: Intent, step: StepView) -> Outcome:
    request = intent.request
    with cloud_errors():
        bake = images.start_bake(step.stage.actor, request["bake"], step.token)
    facts = {
        "account": request["account"],
        "bakePackageName": request["package"],
        "previouslyBaked": bake.previously_baked,
        "status": _status(bake),
    }
    return Succeeded(facts, note="An equal image was there already" if bake.previously_baked else "")


def _find(intent: Intent, step: StepView) -> Outcome | Absent:
    """A bake is found by starting it again with its token, which `perform` does."""
    return ABSENT


def _status(bake: BakeValue) -> Json:
    """In Rosco's words."""
    is_done = bake.state is BakeState.COMPLETED
    return {
        "id": bake.id,
        "state": "COMPLETED" if is_done else bake.state.value,
        "resourceId": bake.image.id if bake.image else "",
        "result": "SUCCESS" if is_done else "FAILURE" if bake.state is BakeState.FAILED else "",
    }


def _monitor(step: StepView, config: BakeConfig) -> Outcome:
    bake_id = step.stage.context["status"]["id"]
    with cloud_errors():
        bake = images.bake(step.stage.actor, config.account_name, config.region_names[0], bake_id)
    facts = {"status": _status(bake)}
    if bake.state is BakeState.COMPLETED:
        return Succeeded(facts)
    if bake.state is BakeState.FAILED:
        return Failed(bake.message or f"Bake {bake_id} failed.", context=facts)
    return Running(f"the bake of {config.package}", again_in=pace.again_in(step, slowest=30), context=facts)


def _complete(step: StepView, config: BakeConfig) -> Outcome:
    image_id = step.stage.context["status"]["resourceId"]
    with cloud_errors():
        try:
            image = queries.live_image(step.stage.actor, config.account_name, config.region_names[0], image_id)
        except NotFound:
            return Running(f"image {image_id} to appear", again_in=pace.again_in(step))
    facts = {"ami": image.id, "imageId": image.id, "imageName": image.name, "amiName": image.name}
    artifact = {"type": "image", "name": image.name, "reference": image.id, "location": image.region}
    base = {"baseAmiId": image.base} if image.base else {}
    return Succeeded(facts | base | {"artifacts": [artifact]}, facts, note=image.name)


def _gather(step: StepView, config: BakeConfig) -> Outcome:
    """One map per region, for the stages behind this one."""
    baked = [a for a in step.stage.ancestors if a.ref.startswith(f"{step.stage.ref}<") and a.context.get("imageId")]
    details = [{name: child.context[name] for name in DETAILS if name in child.context} for child in reversed(baked)]
    return Succeeded(outputs={"deploymentDetails": details})


class Bake(BaseStage):
    key: ClassVar[str] = "bake"
    label: ClassVar[str] = "Bake"
    is_restartable: ClassVar[bool] = True
    Config = BakeConfig

    def before(self, config: Any, stage: StageView) -> list[Child]:
        if config.region:
            return []
        fields = inherited(stage.context, "regions")
        fields["refId"] = stage.ref
        return [Child(self.key, f"Bake in {region}", fields | {"region": region}) for region in _regions(config, stage)]

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        if not config.region:
            return (Observe("completeParallel", _gather),)
        return (
            Effect("createBake", _intend, _start, _find, timeout_seconds=pace.START_BAKE, is_rehearsable=True),
            Observe("monitorBake", _monitor, pace.BAKE),
            Observe("completedBake", _complete, pace.DETERMINE),
        )


def _regions(config: BakeConfig, stage: StageView) -> list[str]:
    """The stage's own, and those that stages behind it deploy to."""
    regions = list(config.regions)
    if not config.skip_region_detection and GLOBAL not in regions:
        regions += deployed_to(stage)
    return list(dict.fromkeys(regions))
