"""Deploys one new server group per cluster and region, all at the same time."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from pipelines.core.plan import Child, Json, Observe, Outcome, StageView, StepSpec, StepView, Succeeded
from pipelines.stages.base import BaseStage, StageConfig, inherited
from pipelines.stages.parts.launch import Launch


class Config(StageConfig):
    cluster: Launch | None = None
    clusters: tuple[Launch, ...] = Field(default=(), validate_default=True)

    @field_validator("clusters")
    @classmethod
    def _somewhere(cls, clusters: tuple[Launch, ...], info: ValidationInfo) -> tuple[Launch, ...]:
        if not clusters and not info.data.get("cluster"):
            raise ValueError("name at least one cluster")
        return clusters


def _complete(step: StepView, config: Config) -> Outcome:
    """Gathers what was deployed: {region: [names]}."""
    deployed: dict[str, list[str]] = {}
    for ancestor in step.stage.ancestors:
        if ancestor.ref.startswith(f"{step.stage.ref}<") and ancestor.type_key == "createServerGroup":
            for region, names in (ancestor.context.get("deploy.server.groups") or {}).items():
                deployed.setdefault(region, []).extend(names)
    return Succeeded(outputs={"deploy.server.groups": deployed} if deployed else {})


class Deploy(BaseStage):
    key: ClassVar[str] = "deploy"
    label: ClassVar[str] = "Deploy"
    Config = Config

    def before(self, config: Any, stage: StageView) -> list[Child]:
        fields = inherited(stage.context, "clusters", "cluster")
        maps = stage.context.get("clusters") or [stage.context["cluster"]]
        launches = config.clusters or [config.cluster]
        return [
            _child(fields, cluster, launch, region)
            for cluster, launch in zip(maps, launches, strict=True)
            for region in launch.region_names
        ]

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (Observe("completeParallelDeploy", _complete),)


def _child(fields: Json, cluster: Json, launch: Launch, region: str) -> Child:
    """The cluster map beside the stage's own fields, as Spinnaker flattens it."""
    where = {"account": launch.account_name, "credentials": launch.account_name, "region": region}
    return Child("createServerGroup", f"Deploy in {region}", fields | inherited(cluster) | where)
