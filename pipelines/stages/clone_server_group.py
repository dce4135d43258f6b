"""Creates a server group like another one, with what is given changed, then lets the strategy see to the older ones."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from clusters import queries
from clusters.core import naming, selection
from clusters.core.values import Capacity, ServerGroup
from pipelines.core.plan import Json, Outcome, Running, StepFailed, StepView, Succeeded
from pipelines.stages.base import cloud_errors
from pipelines.stages.parts import creating, images, pace
from pipelines.stages.parts.creating import CreatingConfig, CreatingStage
from pipelines.stages.parts.launch import Sizes
from pipelines.stages.parts.target import names_of

NEWEST = "current_asg_dynamic"

#: Fields that take the place of the source's, and what the launch calls them. Load balancers come from two fields.
OVERRIDES = {
    "security_groups": "security_groups",
    "suspended_processes": "suspended_processes",
    "health_check_grace_period": "health_check_grace_seconds",
    "environment": "environment",
    "tags": "tags",
}


class Source(creating.Source):
    account: str = ""
    region: str = ""


class Config(CreatingConfig):
    source: Source = Source()
    #: Which server group of `targetCluster` (else of the own cluster) is the source, by age; none: the newest.
    target: str = ""
    target_cluster: str = ""
    #: Taken from the source unless given.
    capacity: Sizes | None = Field(default=None, validate_default=True)
    #: Written once it is known: what the strategy replaces.
    replaced_server_group: str = ""

    @field_validator("capacity")
    @classmethod
    def _some_capacity(cls, capacity: Sizes | None, info: ValidationInfo) -> Sizes | None:
        return capacity

    @field_validator("target")
    @classmethod
    def _known(cls, target: str) -> str:
        if target and target not in selection.TARGETS and "${" not in target:
            raise ValueError(f"{target} is not one of {', '.join(selection.TARGETS)}")
        return target


def _determine(step: StepView, config: Config) -> Outcome:
    if len(config.region_names) > 1:
        raise StepFailed("regions: one server group is in one region; use one stage for each.", field="regions")
    own = config.name_in(step.stage.application).cluster
    account = config.source.account or config.account_name
    region = config.source.region or config.region_names[0]
    with cloud_errors():
        found = _source(step, config, account, region, config.target_cluster or own)
    if found is None:
        wanted = config.source.name or f"{config.target or NEWEST} of {config.target_cluster or own}"
        if step.tries < creating.TRIES_FOR_SOURCE:
            return Running(f"{wanted} to clone", again_in=pace.again_in(step))
        raise StepFailed(f"There is no {wanted} in {region} of {account} to clone.", field="source")
    source = {**names_of(found.name), "account": account, "region": region}
    named = _name_like(found, config)
    own = config.model_copy(update=named).name_in(step.stage.application).cluster
    with cloud_errors():
        there = queries.live_cluster(step.stage.actor, config.account_name, config.region_names[0], own)
    parts = {"stack": named["stack"], "freeFormDetails": named["free_form_details"]}
    context = {"source": source, "replacedServerGroup": there[0].name if there else "", **parts}
    return Succeeded(context, {"source": source}, note=f"Like {found.name}")


def _source(step: StepView, config: Config, account: str, region: str, cluster: str) -> ServerGroup | None:
    actor = step.stage.actor
    if config.source.name:
        cluster = queries.cluster_of(config.source.name)
    groups = queries.live_cluster(actor, account, region, cluster)
    if config.source.name:
        return next((group for group in groups if group.name == config.source.name), None)
    return selection.target(groups, config.target or NEWEST)


def _name_like(found: ServerGroup, config: Config) -> dict[str, str]:
    """Stack and detail of the source, unless one of them is given."""
    moniker = naming.parse(found.name)
    if moniker is None or {"stack", "free_form_details"} & config.model_fields_set:
        return {"stack": config.stack, "free_form_details": config.free_form_details}
    return {"stack": moniker.stack or "", "free_form_details": moniker.detail or ""}


class CloneServerGroup(CreatingStage):
    key: ClassVar[str] = "cloneServerGroup"
    label: ClassVar[str] = "Clone server group"
    Config = Config
    is_clone: ClassVar[bool] = True

    def determine(self, step: StepView, config: Any) -> Outcome:
        return _determine(step, config)

    def replaced(self, config: Any) -> str:
        return str(config.replaced_server_group)

    def launch(self, step: StepView, config: Any, region: str) -> tuple[Json, Capacity]:
        """The source's blueprint with what the stage gives instead."""
        place = config.source.account or config.account_name, config.source.region or region
        blueprint = queries.live_blueprint(step.stage.actor, *place, config.source.name)
        like = {name: value for name, value in asdict(blueprint).items() if name not in ("name", "region")}
        given = config.request(_image(step, config, region) or blueprint.image_id, blueprint.capacity)
        launch = like | {"image_id": given["image_id"], "extra": like["extra"] | given["extra"]}
        launch["scaling"] = creating.copied_scaling(config, blueprint.scaling)
        launch |= {there: given[there] for name, there in OVERRIDES.items() if name in config.model_fields_set}
        if {"load_balancers", "target_groups"} & config.model_fields_set:
            launch["load_balancers"] = given["load_balancers"]
        wish = blueprint.capacity
        if config.capacity is not None and not config.use_source_capacity:
            wish = config.capacity.value
        return launch, wish


def _image(step: StepView, config: Config, region: str) -> str | None:
    """Its own, else one that an earlier stage supplies."""
    if config.image_id or config.ami_name:
        return images.chosen_image(step.stage, config, region)
    return images.supplied_image(step.stage, region, config.provider_key)
