"""The next name of a cluster, reserved before the provider knows of it."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from clusters.core.naming import Moniker, next_name
from clusters.models import NameReservation
from clusters.operations.places import Place
from clusters.providers.rehearsal import is_rehearsing

#: A reservation whose server group did not appear by then is forgotten; its number may be used again.
RESERVED_FOR = timedelta(hours=24)


def reserve(place: Place, moniker: Moniker, token: str) -> str:
    """The name for the token, in the caller's transaction: new, or the one it got before.

    A rehearsal reserves nothing: its transaction is long, and whoever deploys would wait for it.
    Raises InvalidValue when all names are taken.
    """
    if is_rehearsing():
        return _next(place, moniker)
    _lock(f"name:{place.account}:{place.region}:{moniker.cluster}")
    mine = NameReservation.objects.filter(token=token).first()
    if mine is not None:
        return mine.name
    now = timezone.now()
    reservations = NameReservation.objects.filter(account=place.account, region=place.region)
    reservations.filter(created_at__lt=now - RESERVED_FOR).delete()
    name = _next(place, moniker)
    NameReservation.objects.create(account=place.account, region=place.region, name=name, token=token, created_at=now)
    return name


def _next(place: Place, moniker: Moniker) -> str:
    reservations = NameReservation.objects.filter(account=place.account, region=place.region)
    taken = [*reservations.values_list("name", "created_at")]
    taken += [
        (group.name, group.created_at) for group in place.provider.server_groups.list(place.account, place.region)
    ]
    return next_name(moniker, taken, place.region)


def _lock(key: str) -> None:
    """Held until the end of the transaction: two creates in one cluster choose one after the other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
