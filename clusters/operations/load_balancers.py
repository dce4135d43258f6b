"""Creating, changing and deleting load balancers as effects of a step: intend in the transaction, then do.

WRITE on the account is needed and EXECUTE on the application that the name says. Again is harmless. Intents are JSON.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from pydantic import TypeAdapter

from clusters import inventory, queries
from clusters.core import naming, values
from clusters.models import LoadBalancer
from clusters.operations.places import read_again, require_execute_on_owner, still_writable, writable
from clusters.providers.base import NotFound
from clusters.trust import audit
from clusters.trust.permissions import Actor

Json = dict[str, Any]

COLUMNS = ("port", "protocol", "more_listeners", "zones", "health_check", "security_groups")
_REQUEST = TypeAdapter(values.LoadBalancerRequest)


def lock_key(account: str, region: str, name: str) -> str:
    """The key of the lock (operations.locks) under which it is changed. No cluster's name has a slash."""
    return f"{account}:{region}:load-balancer/{name}"


def intend_upsert(actor: Actor, account: str, request: values.LoadBalancerRequest, *, execution_id: str = "") -> Json:
    """Raises Refused, InvalidValue."""
    writable(actor, account, request.region)
    naming.check_load_balancer(request.name)
    require_execute_on_owner(actor, request.name)
    intent = _intent("upsert", account, request.region, request.name) | {"request": asdict(request)}
    _record(actor, intent, execution_id)
    return intent


def upsert(actor: Actor, intent: Json) -> values.LoadBalancer:
    """Raises Refused, ProviderError."""
    provider = still_writable(actor, intent).provider
    balancer = provider.load_balancers.upsert(intent["account"], _request(intent))
    read_again(inventory.refresh_load_balancer, intent["account"], intent["region"], intent["name"])
    return balancer


def find_upserted(intent: Json) -> values.LoadBalancer | None:
    """The load balancer if it is as was asked. Raises ProviderError when that cannot be told."""
    balancer, request = _get(intent), _request(intent)
    if balancer is None:
        return None
    wanted = request.listener
    if wanted.port == 0:
        wanted = replace(wanted, port=balancer.listener.port)
    is_so = (
        {*balancer.listeners} == {wanted, *request.more_listeners}
        and balancer.health_check == request.health_check
        and set(balancer.security_groups) == set(request.security_groups)
        and set(request.zones or balancer.zones) == set(balancer.zones)
    )
    return balancer if is_so else None


def intend_delete(actor: Actor, account: str, region: str, name: str, *, execution_id: str = "") -> Json:
    """Raises Refused, InvalidValue."""
    writable(actor, account, region)
    require_execute_on_owner(actor, name)
    intent = _intent("delete", account, region, name)
    _record(actor, intent, execution_id)
    return intent


def delete(actor: Actor, intent: Json) -> None:
    """One that is gone already is fine. Raises Refused, ProviderError (Conflict while it is in use)."""
    provider = still_writable(actor, intent).provider
    provider.load_balancers.delete(intent["account"], intent["region"], intent["name"])
    read_again(inventory.refresh_load_balancer, intent["account"], intent["region"], intent["name"])


def is_deleted(intent: Json) -> bool:
    """Raises ProviderError when that cannot be told."""
    return _get(intent) is None


def _intent(kind: str, account: str, region: str, name: str) -> Json:
    moniker = naming.parse(name)
    application = moniker.app if moniker else ""
    return {"kind": kind, "account": account, "region": region, "name": name, "application": application}


def _request(intent: Json) -> values.LoadBalancerRequest:
    return _REQUEST.validate_python(intent["request"])


def _get(intent: Json) -> values.LoadBalancer | None:
    balancers = queries.provider_named(intent["account"]).load_balancers
    try:
        return balancers.get(intent["account"], intent["region"], intent["name"])
    except NotFound:
        return None


def _record(actor: Actor, intent: Json, execution_id: str) -> None:
    account, region, name = intent["account"], intent["region"], intent["name"]
    rows = LoadBalancer.objects.filter(account_id=account, region=region, name=name)
    audit.record(
        actor,
        f"load_balancer.{intent['kind']}",
        ("load_balancer", f"{account}/{region}/{name}"),
        rows.values(*COLUMNS).first(),
        intent.get("request"),
        application=intent["application"],
        execution_id=execution_id,
    )
