"""Creating, changing and deleting security groups; WRITE on the account and EXECUTE on the application are needed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import transaction

from clusters import inventory
from clusters.core import naming, values
from clusters.models import SecurityGroup
from clusters.operations.places import Place, require_execute_on_owner, writable
from clusters.trust import audit
from clusters.trust.permissions import Actor


def upsert(
    actor: Actor, account: str, region: str, name: str, rules: tuple[values.Rule, ...], description: str = ""
) -> values.SecurityGroup:
    """Raises Refused, InvalidValue, ProviderError."""
    place = writable(actor, account, region)
    naming.parse_or_raise(name)
    require_execute_on_owner(actor, name)
    group = place.provider.security_groups.upsert(account, region, name, rules, description)
    _done(actor, "upsert", place, name, {"description": description, "rules": [asdict(rule) for rule in rules]})
    return group


def delete(actor: Actor, account: str, region: str, name: str) -> None:
    """One that is gone already is fine. Raises Refused, InvalidValue, ProviderError (Conflict while it is in use)."""
    place = writable(actor, account, region)
    require_execute_on_owner(actor, name)
    place.provider.security_groups.delete(account, region, name)
    _done(actor, "delete", place, name, None)


def _done(actor: Actor, action: str, place: Place, name: str, after: dict[str, Any] | None) -> None:
    with transaction.atomic():
        rows = SecurityGroup.objects.filter(account_id=place.account, region=place.region, name=name)
        target = "security_group", f"{place.account}/{place.region}/{name}"
        moniker = naming.parse(name)
        application = moniker.app if moniker else ""
        before = rows.values("description", "rules").first()
        audit.record(actor, f"security_group.{action}", target, before, after, application=application)
    inventory.refresh(place.account, place.region)
