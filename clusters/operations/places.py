"""Where a write goes: an account and region in use, and the actor's right to write there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clusters import queries
from clusters.core import naming
from clusters.core.values import InvalidValue
from clusters.models import Application
from clusters.providers.base import CloudProvider
from clusters.providers.rehearsal import is_rehearsing
from clusters.trust.permissions import EXECUTE, WRITE, Actor, Refused, require

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    account: str
    region: str
    provider: CloudProvider


def writable(actor: Actor, account: str, region: str) -> Place:
    """Raises Refused without WRITE on the account, InvalidValue when account or region is not in use."""
    row = queries.account_named(account)
    require(actor, WRITE, row)
    if region not in row.regions:
        raise InvalidValue("region", f"{region!r} is not a region of account {account}")
    return Place(account, region, queries.provider_of(row))


def still_writable(actor: Actor, intent: Mapping[str, Any]) -> Place:
    """The place of an intent written down earlier, asked again right before the call: rights may have gone meanwhile.

    An intent without an application needs the account alone. Raises Refused, InvalidValue.
    """
    place = writable(actor, intent["account"], intent["region"])
    if "application" in intent:
        require_execute(actor, intent["application"])
    return place


def require_execute_on_owner(actor: Actor, name: str) -> None:
    """As below, for the application to which the name of a load balancer or security group belongs."""
    moniker = naming.parse(name)
    require_execute(actor, moniker.app if moniker else "")


def require_execute_on_lenders(actor: Actor, application: str, names: Iterable[str]) -> None:
    """For load balancers that are to send their traffic to a server group of `application`: those of another one take
    EXECUTE there, too, as changing them would. One that belongs to no known application is everybody's.
    """
    owners = {moniker.app for name in names if (moniker := naming.parse(name))} - {application}
    for row in Application.objects.select_related("owner_role").filter(name__in=owners).order_by("name"):
        require(actor, EXECUTE, row)


def require_execute(actor: Actor, application: str) -> None:
    """Raises Refused without EXECUTE on the application; on one that does not exist only superusers hold it."""
    row = Application.objects.select_related("owner_role").filter(name=application).first()
    if row is not None:
        require(actor, EXECUTE, row)
    elif not actor.is_superuser:
        raise Refused(f"{actor.username} lacks EXECUTE on application {application or '(none)'}.")


def read_again(read: Callable[[str, str, str], object], account: str, region: str, name: str) -> None:
    """Refresh a row after an effect on what it shows. The effect is done, whatever becomes of the row."""
    if is_rehearsing():
        return
    try:
        read(account, region, name)
    except Exception:  # the next refresh mends it
        log.exception("could not read %s in %s of %s again", name, region, account)
