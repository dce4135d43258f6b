"""Lays a package over the running instances of a cluster's server group, all at once or some at a time."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, field_validator

from clusters import queries
from clusters.core.values import Image, Instance, ServerGroup
from clusters.providers.base import NotFound
from pipelines.core.plan import Child, Json, Observe, Outcome, StageView, StepFailed, StepSpec, StepView, Succeeded
from pipelines.stages.base import BaseStage, cloud_errors, inherited
from pipelines.stages.parts import pace
from pipelines.stages.parts.baking import package_and_version
from pipelines.stages.parts.place import AccountConfig, sole_account

BULK = "bulkQuickPatch"
#: How a child is called; a number follows when there are several.
NAME = "bulkQuickPatchStage"


class Config(AccountConfig):
    """`batchSize` and `unhealthyAfter` (seconds) are ours."""

    cluster_name: str = Field(min_length=1)
    application: str = ""
    package: str = Field(min_length=1)
    #: The version to lay over; without it that of name_version in `package`, or the newest that was uploaded.
    patch_version: str = ""
    base_os: str = ""
    #: Sources of health that must say Up before the next batch; without them all.
    health_providers: tuple[str, ...] | None = None
    rolling_patch: bool = False
    #: How many at a time when rolling.
    batch_size: int = Field(default=1, ge=1)
    #: Instances that run the version already are left alone.
    skip_up_to_date: bool = False
    #: An instance that is Down for longer than this after its patch fails the stage.
    unhealthy_after: float = Field(default=120, ge=0, allow_inf_nan=False)
    #: Written when the version is resolved.
    version: str = ""
    instance_ids: tuple[str, ...] = ()
    server_group_name: str = ""

    @field_validator("regions")
    @classmethod
    def _one_region(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        if len(regions) > 1:
            raise ValueError("a cluster is patched in one region")
        return regions


def _resolve(step: StepView, config: Config) -> Outcome:
    actor, region = step.stage.actor, config.region_names[0]
    account = sole_account(actor, config)
    with cloud_errors("Nothing was changed."):
        if not queries.readable(actor, account).can_patch:
            raise StepFailed(
                f"package: running instances of account {account} cannot be patched; bake an image and deploy it."
                " Nothing was changed.",
                field="package",
            )
        name, version = package_and_version(actor, account, config.package, config.patch_version)
        group = _only_enabled(queries.live_cluster(actor, account, region, config.cluster_name), config)
        image = _image(step, account, region, group)
    current = [i for i in group.instances if config.skip_up_to_date and _runs(i, image, name) == version]
    wanted = [instance for instance in group.instances if instance not in current]
    facts: Json = {
        "credentials": account,
        "package": name,
        "version": version,
        "serverGroupName": group.name,
        "instances": {instance.id: _address(instance) for instance in wanted},
        "instanceIds": [instance.id for instance in wanted],
        "skippedInstances": {instance.id: _address(instance) for instance in current},
    }
    note = f"{name} {version} over {len(wanted)} of {len(group.instances)} instances of {group.name}"
    return Succeeded(facts, {"version": version}, note)


def _only_enabled(groups: list[ServerGroup], config: Config) -> ServerGroup:
    """Which of several is meant cannot be guessed."""
    enabled = [group for group in groups if not group.is_disabled]
    place = f"{config.cluster_name} in {config.region_names[0]}"
    if not enabled:
        raise StepFailed(f"There is no enabled server group of {place}. Nothing was changed.", field="clusterName")
    if len(enabled) > 1:
        names = ", ".join(group.name for group in enabled)
        raise StepFailed(f"Several server groups of {place} are enabled: {names}. Nothing was changed.")
    return enabled[0]


def _image(step: StepView, account: str, region: str, group: ServerGroup) -> Image | None:
    try:
        return queries.live_image(step.stage.actor, account, region, group.image_id)
    except NotFound:
        return None


def _runs(instance: Instance, image: Image | None, package: str) -> str:
    """The version of the package that an instance runs, or ""."""
    baked = image.version if image and image.package == package else ""
    return instance.patched.get(package, baked)


def _address(instance: Instance) -> Json:
    host = instance.address.partition(":")[0]
    return {"hostName": host, "privateIpAddress": host, "healthCheckUrl": f"http://{instance.address}/"}


class QuickPatch(BaseStage):
    key: ClassVar[str] = "quickPatch"
    label: ClassVar[str] = "Quick patch server group"
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (Observe("resolveQuipVersion", _resolve, pace.DETERMINE),)

    def after(self, config: Any, stage: StageView) -> list[Child]:
        ids = config.instance_ids
        size = config.batch_size if config.rolling_patch else max(1, len(ids))
        fields = inherited(stage.context, "regions", "instances", "skippedInstances", "cloudProviderType")
        children = []
        for n, start in enumerate(range(0, len(ids), size)):
            batch = {
                "region": config.region_names[0],
                "instanceIds": list(ids[start : start + size]),
                "patchedInstances": list(ids[:start]),
                "remainingInstances": list(ids[start + size :]),
                "interestingHealthProviderNames": config.health_providers and list(config.health_providers),
            }
            name = f"{NAME} {n + 1}" if len(ids) > size else NAME
            children.append(Child(BULK, name, fields | batch, (n - 1,) if n else ()))
        return children
