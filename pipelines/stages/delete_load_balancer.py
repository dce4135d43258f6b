"""Deletes a load balancer that no server group uses any more."""

from __future__ import annotations

from typing import Any, ClassVar

from clusters.operations import load_balancers
from pipelines.core.plan import Intent, Json, StepSpec, StepView
from pipelines.stages.base import cloud_errors
from pipelines.stages.parts.place import AccountConfig
from pipelines.stages.parts.regional import RegionalStage, one_call


class Config(AccountConfig):
    also_known: ClassVar[frozenset[str]] = frozenset({"vpcId", "loadBalancerType"})

    load_balancer_name: str


def _intend(step: StepView, config: Config) -> Intent:
    place = config.account_name, config.region_names[0], config.load_balancer_name
    with cloud_errors("Nothing was changed."):
        request = load_balancers.intend_delete(step.stage.actor, *place, execution_id=step.stage.execution_id)
    return Intent(request, f"no load balancer {place[2]} in {place[1]}", load_balancers.lock_key(*place))


def _delete(request: Json, step: StepView) -> Json:
    load_balancers.delete(step.stage.actor, request)
    return {}


def _found(request: Json) -> Json | None:
    return {} if load_balancers.is_deleted(request) else None


class DeleteLoadBalancer(RegionalStage):
    key: ClassVar[str] = "deleteLoadBalancer"
    label: ClassVar[str] = "Delete load balancer"
    Config = Config

    def work(self, config: Any) -> tuple[StepSpec, ...]:
        return (one_call("deleteLoadBalancer", _intend, _delete, _found),)
