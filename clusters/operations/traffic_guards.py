"""Refuses what would leave a guarded cluster without a healthy, enabled server group; asked as an intent is written.

Under the cluster's lock the answer cannot change before the effect. It rests on what the provider says now, so one look
is enough where Spinnaker, which reads a cache, takes six.
"""

from __future__ import annotations

from collections.abc import Collection

from clusters import queries
from clusters.core import guarding, naming, selection
from clusters.core.naming import Moniker
from clusters.models import TrafficGuard
from clusters.operations.places import Place
from clusters.providers.base import Conflict


class Guarded(Conflict):
    """It would take the last healthy, enabled server group of a guarded cluster away."""


def check(
    place: Place, cluster: str, what: str, *, groups: Collection[str] = (), instances: Collection[str] = ()
) -> None:
    """`groups` and `instances` are the names and ids of all that lose their traffic by one effect; `what` says which
    effect ("disable shop-v001"). What takes no traffic now may go. Raises Guarded, ProviderError.
    """
    name = naming.parse(cluster)
    if name is None or not is_guarded(place.account, place.region, name):
        return
    every = place.provider.server_groups.list(place.account, place.region)
    there = selection.newest_first([group for group in every if queries.cluster_of(group.name) == cluster])
    lost = guarding.carrying(there, groups, instances)
    if not lost or guarding.up_without(there, groups, instances):
        return
    carried = " and ".join(f"{count} in {group}" for group, count in lost.items())
    raise Guarded(
        f"The traffic guard of {name.app} refuses to {what}: {cluster} in {place.region} of {place.account} would be "
        f"left without a healthy, enabled server group (the last healthy instances: {carried}). Nothing was changed. "
        f"First deploy or enable another server group of {cluster}, or switch the guard off in the settings of "
        f"{name.app}"
    )


def is_guarded(account: str, region: str, name: Moniker) -> bool:
    guards = TrafficGuard.objects.filter(application__name=name.app, is_enabled=True)
    return any(guard.value.covers(account, region, name) for guard in guards)
