"""A stage about one server group per region: named, or found by its place in the cluster when the stage starts.

The stage itself finds the server groups and has one child of its own type per region, one after the other; a child does
the work. A child knows itself by `targetLocation`. A stage that names its server group and one region works itself.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from clusters.core.selection import TARGETS
from clusters.core.values import ServerGroup
from pipelines.core.plan import Child, Json, StageView, StepFailed, StepSpec, StepView, in_sequence
from pipelines.stages.base import BaseStage, StageConfig, inherited
from pipelines.stages.parts.place import ClusterConfig, server_group_or_none

DETERMINE = "determineTargetServerGroup"


class TargetConfig(ClusterConfig):
    server_group_name: str = ""
    asg_name: str = ""
    target_location: Json = {}
    #: Which server group of the cluster, by age: current_asg_dynamic is the newest.
    target: str = Field(default="", validate_default=True)

    @field_validator("target")
    @classmethod
    def _some_target(cls, target: str, info: ValidationInfo) -> str:
        if not target and not (info.data.get("server_group_name") or info.data.get("asg_name")):
            raise ValueError("name a target, or a serverGroupName")
        if target and target not in TARGETS:
            raise ValueError(f"{target} is not one of {', '.join(TARGETS)}")
        if target and not (info.data.get("cluster") or info.data["moniker"].cluster):
            raise ValueError("needs a cluster to look in")
        return target

    @property
    def named(self) -> str:
        return self.server_group_name or self.asg_name

    @property
    def is_split(self) -> bool:
        """True when children do the work."""
        return not self.target_location and not (self.named and len(self.region_names) == 1)


class TargetStage(BaseStage):
    Config: ClassVar[type[StageConfig]] = TargetConfig

    def before(self, config: Any, stage: StageView) -> list[Child]:
        return self._split(config, stage) if config.is_split else self.first(config, stage)

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return () if config.is_split else self.work(config)

    def first(self, config: Any, stage: StageView) -> list[Child]:
        """Children to run before the work on one server group."""
        return []

    def work(self, config: Any) -> tuple[StepSpec, ...]:
        raise NotImplementedError

    def _split(self, config: TargetConfig, stage: StageView) -> list[Child]:
        fields = inherited(stage.context, "region", "regions")
        children = []
        if not config.named:
            children.append(Child(DETERMINE, DETERMINE, fields | {"regions": list(config.region_names)}))
        for region in config.region_names:
            location = {"region": region, "targetLocation": {"type": "REGION", "value": region}}
            children.append(Child(self.key, f"{self.label} in {region}", fields | location))
        return in_sequence(children)


def target_name(config: TargetConfig, stage: StageView) -> str:
    """The server group named, or the one that the stage determineTargetServerGroup before this one has found."""
    if config.named:
        return config.named
    region = config.region_names[0]
    for ancestor in stage.ancestors:
        for reference in ancestor.outputs.get("targetReferences") or ():
            if ancestor.type_key == DETERMINE and reference["region"] == region:
                return str(reference["serverGroupName"])
    raise StepFailed(f"No target server group was determined in {region}.", field="target")


def target_group(config: TargetConfig, step: StepView) -> ServerGroup | None:
    """None when it is gone or going."""
    return server_group_or_none(
        step.stage.actor, config.account_name, config.region_names[0], target_name(config, step.stage)
    )


def existing_target(config: TargetConfig, step: StepView) -> ServerGroup:
    group = target_group(config, step)
    if group is None:
        name = target_name(config, step.stage)
        raise StepFailed(f"{name} does not exist in {config.region_names[0]} of {config.account_name}.")
    return group


def names_of(name: str) -> Json:
    return {"asgName": name, "serverGroupName": name}
