"""Ending an instance, as an effect of a step: intend in the transaction that writes it down, then terminate."""

from __future__ import annotations

from typing import Any

from clusters.models import Instance
from clusters.operations import server_groups, traffic_guards
from clusters.operations.places import require_execute, still_writable, writable
from clusters.providers.base import NotFound
from clusters.trust import audit
from clusters.trust.permissions import Actor

Json = dict[str, Any]


def intend_terminate(actor: Actor, account: str, region: str, instance_id: str, *, execution_id: str = "") -> Json:
    """Raises Refused, Guarded; NotFound for an instance that the inventory does not know."""
    place = writable(actor, account, region)
    rows = Instance.objects.select_related("server_group")
    instance = rows.filter(account_id=account, region=region, instance_id=instance_id).first()
    if instance is None:
        raise NotFound(f"instance {instance_id} does not exist")
    group = instance.server_group
    require_execute(actor, group.application)
    traffic_guards.check(place, group.cluster, f"terminate {instance_id}", instances={instance_id})
    audit.record(
        actor,
        "instance.terminate",
        ("instance", f"{account}/{region}/{instance_id}"),
        {"server_group": group.name},
        application=group.application,
        execution_id=execution_id,
    )
    return {
        "kind": "terminate",
        "account": account,
        "region": region,
        "instance_id": instance_id,
        "name": group.name,
        "cluster": group.cluster,
        "application": group.application,
    }


def terminate(actor: Actor, intent: Json) -> None:
    """One that is gone already is fine. Raises Refused, ProviderError."""
    provider = still_writable(actor, intent).provider
    provider.instances.terminate(intent["account"], intent["region"], intent["instance_id"])
    server_groups.refresh_row(intent)
