"""Leaves the whole deployment to a pipeline of one's own, which is told where and what to deploy."""

from __future__ import annotations

from typing import Any

from pipelines.core.config import JsonConfig
from pipelines.core.plan import Child, Json, StageView
from pipelines.strategies.base import BaseStrategy, Deployment

#: The parameter under which the pipeline's deploy stage finds the cluster map.
CLUSTER = "deployCluster"
#: Fields that belong to the deployment from which the pipeline is run, not to the one in it.
_OWN = ("strategy", "strategyApplication", "strategyPipeline", "pipelineParameters")


class Options(JsonConfig):
    strategy_application: str = ""
    #: Its id, or its name.
    strategy_pipeline: str = ""
    pipeline_parameters: dict[str, Any] = {}


class Custom(BaseStrategy):
    label = "Custom"

    def instead(self, deployment: Deployment, options: Any, stage: StageView, image_id: str) -> list[Child]:
        cluster: Json = {name: value for name, value in stage.context.items() if name not in _OWN}
        if image_id:
            cluster["imageId"] = image_id
        if deployment.is_clone and "capacity" not in cluster:
            cluster |= {"useSourceCapacity": True, "preferSourceCapacity": False}
        told = {
            "application": stage.application,
            "credentials": deployment.place.get("credentials", ""),
            "cluster": deployment.cluster,
            "moniker": deployment.place.get("moniker", {}),
            "region": deployment.region,
            "cloudProvider": deployment.place.get("cloudProvider", ""),
            "strategy": True,
            "clone": deployment.is_clone,
            "parentPipelineId": stage.execution_id,
            "parentStageId": stage.stage_id,
            CLUSTER: cluster,
        }
        context = {
            "application": options.strategy_application or stage.application,
            "pipeline": options.strategy_pipeline,
            "pipelineParameters": options.pipeline_parameters | told,
            "waitForCompletion": True,
        }
        return [Child("pipeline", f"Deploy by {options.strategy_pipeline}", context)]
