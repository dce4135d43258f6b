"""Creating, changing and deleting load balancers; WRITE on the account and EXECUTE on the application are needed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import transaction

from clusters import inventory
from clusters.core import naming, values
from clusters.models import LoadBalancer
from clusters.operations.places import Place, require_execute_on_owner, writable
from clusters.trust import audit
from clusters.trust.permissions import Actor

COLUMNS = ("port", "protocol", "health_check", "security_groups")


def upsert(actor: Actor, account: str, request: values.LoadBalancerRequest) -> values.LoadBalancer:
    """Raises Refused, InvalidValue, ProviderError."""
    place = writable(actor, account, request.region)
    naming.check_load_balancer(request.name)
    require_execute_on_owner(actor, request.name)
    balancer = place.provider.load_balancers.upsert(account, request)
    _done(actor, "upsert", place, request.name, asdict(request))
    return balancer


def delete(actor: Actor, account: str, region: str, name: str) -> None:
    """One that is gone already is fine. Raises Refused, InvalidValue, ProviderError (Conflict while it is in use)."""
    place = writable(actor, account, region)
    require_execute_on_owner(actor, name)
    place.provider.load_balancers.delete(account, region, name)
    _done(actor, "delete", place, name, None)


def _done(actor: Actor, action: str, place: Place, name: str, after: dict[str, Any] | None) -> None:
    with transaction.atomic():
        rows = LoadBalancer.objects.filter(account_id=place.account, region=place.region, name=name)
        target = "load_balancer", f"{place.account}/{place.region}/{name}"
        moniker = naming.parse(name)
        application = moniker.app if moniker else ""
        before = rows.values(*COLUMNS).first()
        audit.record(actor, f"load_balancer.{action}", target, before, after, application=application)
    inventory.refresh(place.account, place.region)
