"""Deletes a security group that nothing uses any more."""

from __future__ import annotations

from typing import Any, ClassVar

from clusters.operations import security_groups
from pipelines.core.plan import Intent, Json, StepSpec, StepView
from pipelines.stages.base import cloud_errors
from pipelines.stages.parts.place import AccountConfig
from pipelines.stages.parts.regional import RegionalStage, one_call


class Config(AccountConfig):
    also_known: ClassVar[frozenset[str]] = frozenset({"vpcId"})

    security_group_name: str


def _intend(step: StepView, config: Config) -> Intent:
    place = config.account_name, config.region_names[0], config.security_group_name
    with cloud_errors("Nothing was changed."):
        request = security_groups.intend_delete(step.stage.actor, *place, execution_id=step.stage.execution_id)
    return Intent(request, f"no security group {place[2]} in {place[1]}", security_groups.lock_key(*place))


def _delete(request: Json, step: StepView) -> Json:
    security_groups.delete(step.stage.actor, request)
    return {}


def _found(request: Json) -> Json | None:
    return {} if security_groups.is_deleted(request) else None


class DeleteSecurityGroup(RegionalStage):
    key: ClassVar[str] = "deleteSecurityGroup"
    label: ClassVar[str] = "Delete security group"
    Config = Config

    def work(self, config: Any) -> tuple[StepSpec, ...]:
        return (one_call("deleteSecurityGroup", _intend, _delete, _found),)
