"""Load balancers and firewalls changed from their pages: an execution of the stage that pipelines use for it.

Cluster pages know these only as fillers of slots; each answers with the address of the execution.
"""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from clusters.core import values
from clusters.models import Application
from clusters.trust.requests import Request
from pipelines.operations import run_task

Json = dict[str, Any]


def upsert_load_balancer(
    request: Request, application: Application, account: str, wish: values.LoadBalancerRequest
) -> str:
    check = wish.health_check
    stage = {
        "type": "upsertLoadBalancer",
        "loadBalancerName": wish.name,
        "listeners": [{"externalPort": wish.listener.port, "externalProtocol": wish.listener.protocol}],
        "healthCheckProtocol": check.protocol,
        "healthCheckPath": check.path,
        "healthCheckEnabled": check.is_enabled,
        "healthInterval": check.interval,
        "healthTimeout": check.timeout,
        "healthyThreshold": check.healthy_threshold,
        "unhealthyThreshold": check.unhealthy_threshold,
        "securityGroups": list(wish.security_groups),
    }
    return _run(request, application, account, wish.region, f"Save load balancer {wish.name}", stage)


def delete_load_balancer(request: Request, application: Application, account: str, region: str, name: str) -> str:
    stage = {"type": "deleteLoadBalancer", "loadBalancerName": name}
    return _run(request, application, account, region, f"Delete load balancer {name}", stage)


def upsert_security_group(
    request: Request,
    application: Application,
    account: str,
    region: str,
    name: str,
    rules: tuple[values.Rule, ...],
    description: str,
) -> str:
    ingress = [
        {"cidr": rule.cidr, "type": rule.protocol, "startPort": rule.from_port, "endPort": rule.to_port}
        for rule in rules
    ]
    stage = {
        "type": "upsertSecurityGroup",
        "securityGroupName": name,
        "description": description,
        "ipIngress": ingress,
    }
    return _run(request, application, account, region, f"Save firewall {name}", stage)


def delete_security_group(request: Request, application: Application, account: str, region: str, name: str) -> str:
    stage = {"type": "deleteSecurityGroup", "securityGroupName": name}
    return _run(request, application, account, region, f"Delete firewall {name}", stage)


def _run(request: Request, application: Application, account: str, region: str, title: str, stage: Json) -> str:
    place = {"name": title, "refId": "1", "credentials": account, "region": region}
    execution = run_task(request.actor, application, title, [stage | place])
    return reverse("pipelines:execution", args=[execution.ulid])
