"""Creating, changing and deleting security groups as effects of a step: intend in the transaction, then do.

WRITE on the account is needed and EXECUTE on the application that the name says. Again is harmless. Intents are JSON.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from clusters import inventory, queries
from clusters.core import naming, values
from clusters.models import SecurityGroup
from clusters.operations.places import read_again, require_execute_on_owner, still_writable, writable
from clusters.trust import audit
from clusters.trust.permissions import Actor

Json = dict[str, Any]

_RULES = TypeAdapter(tuple[values.Rule, ...])


def lock_key(account: str, region: str, name: str) -> str:
    """The key of the lock (operations.locks) under which it is changed. No cluster's name has a slash."""
    return f"{account}:{region}:security-group/{name}"


def intend_upsert(
    actor: Actor,
    account: str,
    region: str,
    name: str,
    rules: tuple[values.Rule, ...],
    description: str = "",
    *,
    execution_id: str = "",
) -> Json:
    """Raises Refused, InvalidValue."""
    writable(actor, account, region)
    naming.parse_or_raise(name)
    require_execute_on_owner(actor, name)
    request = {"description": description, "rules": [asdict(rule) for rule in rules]}
    intent = _intent("upsert", account, region, name) | {"request": request}
    _record(actor, intent, execution_id)
    return intent


def upsert(actor: Actor, intent: Json) -> values.SecurityGroup:
    """Raises Refused, ProviderError."""
    groups = still_writable(actor, intent).provider.security_groups
    place = intent["account"], intent["region"], intent["name"]
    group = groups.upsert(*place, _rules(intent), intent["request"]["description"])
    read_again(inventory.refresh_security_group, intent["account"], intent["region"], intent["name"])
    return group


def find_upserted(intent: Json) -> values.SecurityGroup | None:
    """The security group if it is as was asked. Raises ProviderError when that cannot be told."""
    group = _get(intent)
    if group is None or group.description != intent["request"]["description"]:
        return None
    return group if set(group.rules) == set(_rules(intent)) else None


def intend_delete(actor: Actor, account: str, region: str, name: str, *, execution_id: str = "") -> Json:
    """Raises Refused, InvalidValue."""
    writable(actor, account, region)
    require_execute_on_owner(actor, name)
    intent = _intent("delete", account, region, name)
    _record(actor, intent, execution_id)
    return intent


def delete(actor: Actor, intent: Json) -> None:
    """One that is gone already is fine. Raises Refused, ProviderError (Conflict while it is in use)."""
    groups = still_writable(actor, intent).provider.security_groups
    groups.delete(intent["account"], intent["region"], intent["name"])
    read_again(inventory.refresh_security_group, intent["account"], intent["region"], intent["name"])


def is_deleted(intent: Json) -> bool:
    """Raises ProviderError when that cannot be told."""
    return _get(intent) is None


def _intent(kind: str, account: str, region: str, name: str) -> Json:
    moniker = naming.parse(name)
    application = moniker.app if moniker else ""
    return {"kind": kind, "account": account, "region": region, "name": name, "application": application}


def _rules(intent: Json) -> tuple[values.Rule, ...]:
    return _RULES.validate_python(intent["request"]["rules"])


def _get(intent: Json) -> values.SecurityGroup | None:
    groups = queries.provider_named(intent["account"]).security_groups
    there = groups.list(intent["account"], intent["region"])
    return next((group for group in there if group.name == intent["name"]), None)


def _record(actor: Actor, intent: Json, execution_id: str) -> None:
    account, region, name = intent["account"], intent["region"], intent["name"]
    rows = SecurityGroup.objects.filter(account_id=account, region=region, name=name)
    audit.record(
        actor,
        f"security_group.{intent['kind']}",
        ("security_group", f"{account}/{region}/{name}"),
        rows.values("description", "rules").first(),
        intent.get("request"),
        application=intent["application"],
        execution_id=execution_id,
    )
