"""Creates a load balancer, or changes one in place without dropping traffic."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import field_validator

from clusters.core import values
from clusters.operations import load_balancers
from pipelines.core.plan import Intent, Json, StepSpec, StepView
from pipelines.stages.base import StageConfig, cloud_errors
from pipelines.stages.parts.place import AccountConfig
from pipelines.stages.parts.regional import RegionalStage, one_call

#: "HTTP:7001/health", as Spinnaker writes a check in one word. The port is the instance's own here.
_CHECK = re.compile(r"(?P<protocol>[A-Z]+)(?::\d+)?(?P<path>/.*)?")


class Listener(StageConfig):
    also_known: ClassVar[frozenset[str]] = frozenset({"internalPort", "internalProtocol", "sslCertificateId"})

    #: 0 takes a free one.
    external_port: int
    external_protocol: str = "HTTP"


class Config(AccountConfig):
    also_known: ClassVar[frozenset[str]] = frozenset({"vpcId", "subnetType", "isInternal"})

    load_balancer_name: str
    listeners: tuple[Listener, ...]
    #: By region, whose instances get traffic; none: all, or those it has already.
    availability_zones: dict[str, tuple[str, ...]] = {}
    #: In one word, or by its parts below.
    health_check: str = ""
    health_check_protocol: str = "HTTP"
    health_check_path: str = "/"
    #: Ours: whether instances are checked at all.
    health_check_enabled: bool = True
    #: Seconds.
    health_interval: float = 10
    health_timeout: float = 5
    healthy_threshold: int = 2
    unhealthy_threshold: int = 2
    security_groups: tuple[str, ...] = ()

    @field_validator("listeners")
    @classmethod
    def _some(cls, listeners: tuple[Listener, ...]) -> tuple[Listener, ...]:
        if not listeners:
            raise ValueError("a load balancer has at least one listener")
        return listeners

    @field_validator("health_check")
    @classmethod
    def _readable(cls, check: str) -> str:
        if check and not _CHECK.fullmatch(check) and "${" not in check:
            raise ValueError(f"{check!r} does not read like HTTP:7001/health")
        return check

    @property
    def check(self) -> values.HealthCheck:
        """Raises InvalidValue."""
        protocol, path = self.health_check_protocol, self.health_check_path
        if word := _CHECK.fullmatch(self.health_check):
            protocol, path = word["protocol"], word["path"] or "/"
        return values.HealthCheck(
            protocol,
            path,
            self.health_interval,
            self.health_timeout,
            self.healthy_threshold,
            self.unhealthy_threshold,
            self.health_check_enabled,
        )

    @property
    def request(self) -> values.LoadBalancerRequest:
        """Raises InvalidValue."""
        first, *more = [values.Listener(one.external_port, one.external_protocol.upper()) for one in self.listeners]
        region = self.region_names[0]
        return values.LoadBalancerRequest(
            region,
            self.load_balancer_name,
            first,
            self.check,
            self.security_groups,
            tuple(more),
            self.availability_zones.get(region, ()),
        )


def _intend(step: StepView, config: Config) -> Intent:
    with cloud_errors("Nothing was changed."):
        request = load_balancers.intend_upsert(
            step.stage.actor, config.account_name, config.request, execution_id=step.stage.execution_id
        )
    place = config.account_name, config.region_names[0], config.load_balancer_name
    return Intent(request, f"load balancer {place[2]} in {place[1]}", load_balancers.lock_key(*place))


def _upsert(request: Json, step: StepView) -> Json:
    return _told(load_balancers.upsert(step.stage.actor, request))


def _found(request: Json) -> Json | None:
    balancer = load_balancers.find_upserted(request)
    return None if balancer is None else _told(balancer)


def _told(balancer: values.LoadBalancer) -> Json:
    target = {
        "credentials": balancer.account,
        "region": balancer.region,
        "name": balancer.name,
        "dnsName": balancer.address,
    }
    return {"targets": [target]}


class UpsertLoadBalancer(RegionalStage):
    key: ClassVar[str] = "upsertLoadBalancer"
    label: ClassVar[str] = "Upsert load balancer"
    is_restartable: ClassVar[bool] = True
    Config = Config

    def work(self, config: Any) -> tuple[StepSpec, ...]:
        return (one_call("upsertLoadBalancer", _intend, _upsert, _found),)
