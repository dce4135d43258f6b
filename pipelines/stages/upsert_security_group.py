"""Creates a security group, or makes its rules those that are given."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import field_validator

from clusters.core import values
from clusters.operations import security_groups
from pipelines.core.plan import Intent, Json, StepSpec, StepView
from pipelines.stages.base import StageConfig, cloud_errors
from pipelines.stages.parts.place import AccountConfig
from pipelines.stages.parts.regional import RegionalStage, one_call


class Ingress(StageConfig):
    """Who may come in, by which protocol, to which ports."""

    cidr: str
    type: str = "tcp"
    start_port: int = 0
    end_port: int = 65535


class Config(AccountConfig):
    also_known: ClassVar[frozenset[str]] = frozenset({"vpcId"})

    security_group_name: str
    description: str = ""
    ip_ingress: tuple[Ingress, ...] = ()
    #: Rules that name a group; none are known here.
    security_group_ingress: tuple[Json, ...] = ()

    @field_validator("security_group_ingress")
    @classmethod
    def _none(cls, rules: tuple[Json, ...]) -> tuple[Json, ...]:
        if rules:
            raise ValueError("rules that name another security group are not supported; give them as ipIngress")
        return rules

    @property
    def rules(self) -> tuple[values.Rule, ...]:
        """Raises InvalidValue."""
        return tuple(values.Rule(rule.cidr, rule.start_port, rule.end_port, rule.type) for rule in self.ip_ingress)


def _intend(step: StepView, config: Config) -> Intent:
    place = config.account_name, config.region_names[0], config.security_group_name
    with cloud_errors("Nothing was changed."):
        request = security_groups.intend_upsert(
            step.stage.actor, *place, config.rules, config.description, execution_id=step.stage.execution_id
        )
    return Intent(request, f"security group {place[2]} in {place[1]}", security_groups.lock_key(*place))


def _upsert(request: Json, step: StepView) -> Json:
    return _told(security_groups.upsert(step.stage.actor, request))


def _found(request: Json) -> Json | None:
    group = security_groups.find_upserted(request)
    return None if group is None else _told(group)


def _told(group: values.SecurityGroup) -> Json:
    target = {"credentials": group.account, "region": group.region, "name": group.name, "id": group.id}
    return {"targets": [target], "securityGroupId": group.id}


class UpsertSecurityGroup(RegionalStage):
    key: ClassVar[str] = "upsertSecurityGroup"
    label: ClassVar[str] = "Upsert security group"
    is_restartable: ClassVar[bool] = True
    Config = Config

    def work(self, config: Any) -> tuple[StepSpec, ...]:
        return (one_call("upsertSecurityGroup", _intend, _upsert, _found),)
