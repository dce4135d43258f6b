"""Creates a security group, or makes its rules those that are given."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import model_validator

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


class GroupIngress(StageConfig):
    """As `Ingress`, for who is in another security group: by its name, or its id."""

    also_known: ClassVar[frozenset[str]] = frozenset({"accountName", "vpcId"})

    name: str = ""
    id: str = ""
    type: str = "tcp"
    start_port: int = 0
    end_port: int = 65535

    @model_validator(mode="after")
    def _says_which(self) -> GroupIngress:
        if not self.name and not self.id:
            raise ValueError("name the security group, or give its id")
        return self


class Config(AccountConfig):
    also_known: ClassVar[frozenset[str]] = frozenset({"vpcId"})

    security_group_name: str
    description: str = ""
    ip_ingress: tuple[Ingress, ...] = ()
    security_group_ingress: tuple[GroupIngress, ...] = ()

    @property
    def rules(self) -> tuple[values.Rule, ...]:
        """Raises InvalidValue."""
        by_address = [values.Rule(one.cidr, one.start_port, one.end_port, one.type) for one in self.ip_ingress]
        by_group = [
            values.Rule("", one.start_port, one.end_port, one.type, one.name or one.id)
            for one in self.security_group_ingress
        ]
        return (*by_address, *by_group)


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
