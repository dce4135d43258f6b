"""Deploys one new server group per cluster and region, all at the same time."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from clusters.core.values import Process
from pipelines.core.plan import Child, Json, Observe, Outcome, StageView, StepFailed, StepSpec, StepView, Succeeded
from pipelines.stages.base import BaseStage, StageConfig, inherited
from pipelines.stages.parts.launch import Launch
from pipelines.strategies import custom

#: What makes a server group below a deploy stage: a stage for it, or (then among its outputs) a strategy's pipeline.
CREATING = ("createServerGroup", "cloneServerGroup")
DEPLOYED_BY = (*CREATING, "pipeline")


class Config(StageConfig):
    #: In a strategy's pipeline, which takes the cluster from the deployment that runs it: whether it takes traffic.
    traffic_options: Literal["", "inherit", "enable", "disable"] = ""
    cluster: Launch | None = None
    clusters: tuple[Launch, ...] = Field(default=(), validate_default=True)

    @field_validator("clusters")
    @classmethod
    def _somewhere(cls, clusters: tuple[Launch, ...], info: ValidationInfo) -> tuple[Launch, ...]:
        if not clusters and not info.data.get("cluster") and not info.data.get("traffic_options"):
            raise ValueError("name at least one cluster")
        return clusters


def _complete(step: StepView, config: Config) -> Outcome:
    """Gathers what was deployed: {region: [names]}."""
    deployed: dict[str, list[str]] = {}
    for ancestor in step.stage.ancestors:
        if ancestor.ref.startswith(f"{step.stage.ref}<") and ancestor.type_key in DEPLOYED_BY:
            place = ancestor.context if ancestor.type_key in CREATING else ancestor.outputs
            for region, names in (place.get("deploy.server.groups") or {}).items():
                deployed.setdefault(region, []).extend(names)
    return Succeeded(outputs={"deploy.server.groups": deployed} if deployed else {})


class Deploy(BaseStage):
    key: ClassVar[str] = "deploy"
    label: ClassVar[str] = "Deploy"
    Config = Config

    def before(self, config: Any, stage: StageView) -> list[Child]:
        fields = inherited(stage.context, "clusters", "cluster", "trafficOptions")
        maps = stage.context.get("clusters") or [stage.context.get("cluster") or _handed_down(config, stage)]
        launches = [Launch.model_validate(cluster) for cluster in maps]
        key = CREATING[(stage.trigger.get("parameters") or {}).get("clone") is True]
        return [
            _child(key, fields, cluster, launch, region)
            for cluster, launch in zip(maps, launches, strict=True)
            for region in launch.region_names
        ]

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (Observe("completeParallelDeploy", _complete),)


def _handed_down(config: Config, stage: StageView) -> Json:
    """The cluster map of the deployment that runs this strategy's pipeline."""
    cluster = (stage.trigger.get("parameters") or {}).get(custom.CLUSTER)
    if not isinstance(cluster, dict):
        raise StepFailed("clusters: name one; only a deployment with this pipeline as its strategy hands one down.")
    held = {*cluster.get("suspendedProcesses", ())}
    match config.traffic_options:
        case "enable":
            held -= {Process.ADD_TO_LOAD_BALANCER}
        case "disable":
            held |= {Process.ADD_TO_LOAD_BALANCER}
        case _:
            return cluster
    return cluster | {"suspendedProcesses": sorted(held)}


def _child(key: str, fields: Json, cluster: Json, launch: Launch, region: str) -> Child:
    """The cluster map beside the stage's own fields, as Spinnaker flattens it."""
    where = {"account": launch.account_name, "credentials": launch.account_name, "region": region}
    return Child(key, f"Deploy in {region}", fields | inherited(cluster) | where)
