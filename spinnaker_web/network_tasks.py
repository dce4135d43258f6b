"""Load balancers and firewalls changed from their pages: an execution of the stage that pipelines use for it.

Cluster pages know these only as fillers of slots: `run` answers with the address of the execution, `rehearsal` with
what it would do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import reverse

from clusters.core import values
from clusters.models import Application
from clusters.trust.requests import Request
from pipelines.engine.rehearse import Rehearsal
from pipelines.operations import rehearse_task, run_task

Json = dict[str, Any]


def run(slot: str, request: Request, application: Application, *wish: Any) -> str:
    stage = STAGES[slot](*wish)
    return reverse("pipelines:execution", args=[run_task(request.actor, application, stage["name"], [stage]).ulid])


def rehearsal(slot: str, request: Request, application: Application, *wish: Any) -> Rehearsal:
    stage = STAGES[slot](*wish)
    return rehearse_task(request.actor, application, stage["name"], [stage])


def _upsert_load_balancer(account: str, wish: values.LoadBalancerRequest) -> Json:
    check = wish.health_check
    return _stage("upsertLoadBalancer", account, wish.region, f"Save load balancer {wish.name}") | {
        "loadBalancerName": wish.name,
        "listeners": [{"externalPort": one.port, "externalProtocol": one.protocol} for one in wish.listeners],
        "availabilityZones": {wish.region: list(wish.zones)},
        "healthCheckProtocol": check.protocol,
        "healthCheckPath": check.path,
        "healthCheckEnabled": check.is_enabled,
        "healthInterval": check.interval,
        "healthTimeout": check.timeout,
        "healthyThreshold": check.healthy_threshold,
        "unhealthyThreshold": check.unhealthy_threshold,
        "securityGroups": list(wish.security_groups),
    }


def _delete_load_balancer(account: str, region: str, name: str) -> Json:
    stage = _stage("deleteLoadBalancer", account, region, f"Delete load balancer {name}")
    return stage | {"loadBalancerName": name}


def _upsert_security_group(
    account: str, region: str, name: str, rules: tuple[values.Rule, ...], description: str
) -> Json:
    def ingress(rule: values.Rule) -> Json:
        return {"type": rule.protocol, "startPort": rule.from_port, "endPort": rule.to_port}

    return _stage("upsertSecurityGroup", account, region, f"Save firewall {name}") | {
        "securityGroupName": name,
        "description": description,
        "ipIngress": [ingress(rule) | {"cidr": rule.cidr} for rule in rules if not rule.group],
        "securityGroupIngress": [ingress(rule) | {"name": rule.group} for rule in rules if rule.group],
    }


def _delete_security_group(account: str, region: str, name: str) -> Json:
    stage = _stage("deleteSecurityGroup", account, region, f"Delete firewall {name}")
    return stage | {"securityGroupName": name}


def _stage(key: str, account: str, region: str, title: str) -> Json:
    return {"type": key, "name": title, "refId": "1", "credentials": account, "region": region}


#: By slot, the stage that does what a page wishes for.
STAGES: dict[str, Callable[..., Json]] = {
    "load_balancer.upsert": _upsert_load_balancer,
    "load_balancer.delete": _delete_load_balancer,
    "security_group.upsert": _upsert_security_group,
    "security_group.delete": _delete_security_group,
}
