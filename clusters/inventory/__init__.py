"""Pull what providers report into rows: only what differs is written, and a failing provider never empties anything.

Each kind of thing in an account's region is read by itself, so that one that cannot be read holds up no other.

sync.py     make rows what a report says, in few statements
columns.py  what a row holds of each reported value
pace.py     when to read again

Who wants to know which applications' rows changed is in `listeners`; clusters.slots fills it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from clusters import queries
from clusters.core import values
from clusters.core.values import InvalidValue
from clusters.inventory import columns
from clusters.inventory.sync import Place, sync
from clusters.models import Freshness, Image, Instance, Kind, LoadBalancer, SecurityGroup, ServerGroup
from clusters.providers.base import CloudProvider, NotFound, ProviderError

log = logging.getLogger(__name__)

#: Called after commit with the names of the applications whose rows changed.
listeners: list[Callable[[frozenset[str]], object]] = []

#: Rows of server groups that stay as they are until the provider marks them otherwise: nothing in them is on its way.
SETTLED = Q(is_being_destroyed=False, down=0, starting=0, draining=0, unknown=0) & Q(
    desired_size=F("up") + F("out_of_service")
)


def refresh(account: str, region: str, *kinds: Kind) -> frozenset[str]:
    """Make the rows of these kinds, or all, what the provider reports; the applications whose rows changed.

    When a kind cannot be read its rows stay as they are and Freshness says why.
    """
    changed: frozenset[str] = frozenset()
    for kind in kinds or Kind:
        changed |= _refresh(account, region, kind)
    return changed


def look(account: str, region: str, *, again: str = "") -> frozenset[str]:
    """Read only server groups that the provider says have changed, those with something on its way, and those of the
    cluster `again`. What load balancers say of settled groups is left to `refresh`. Raises ProviderError, InvalidValue.
    """
    provider = queries.provider_named(account)
    place = Place(account, region, timezone.now())
    settled = place.rows(ServerGroup).filter(SETTLED).exclude(mark="").exclude(cluster=again)
    marks = dict(settled.order_by().values_list("name", "mark"))
    changes = provider.server_groups.changes(account, region, marks)
    with transaction.atomic():
        place.lock()
        changed = _write_server_groups(changes, place)
        _announce_on_commit(changed)
    return changed


def refresh_cluster(account: str, region: str, cluster: str) -> frozenset[str]:
    """The cluster's server groups and the load balancers they are behind, after a change. Raises ProviderError."""
    changed = look(account, region, again=cluster)
    rows = Place(account, region, timezone.now()).rows(ServerGroup).filter(cluster=cluster)
    for name in sorted({name for names in rows.values_list("load_balancers", flat=True) for name in names}):
        changed |= refresh_load_balancer(account, region, name)
    return changed


def refresh_server_group(account: str, region: str, name: str) -> frozenset[str]:
    """The same for one server group, right after it was changed. Raises ProviderError."""
    place = Place(account, region, timezone.now())
    try:
        found = [queries.provider_named(account).server_groups.get(account, region, name)]
    except NotFound:
        found = []
    with transaction.atomic():
        place.lock()
        changed = _write_server_groups(values.Changes.unmarked(found), place, only=name)
        _announce_on_commit(changed)
    return changed


def refresh_load_balancer(account: str, region: str, name: str) -> frozenset[str]:
    """The same for one load balancer. Raises ProviderError."""
    provider = queries.provider_named(account)
    place = Place(account, region, timezone.now())
    try:
        found = [provider.load_balancers.get(account, region, name)]
    except NotFound:
        found = []
    wanted = {balancer.name: columns.of_load_balancer(balancer) for balancer in found}
    return _write_one(place, LoadBalancer, "name", wanted, Q(name=name))


def refresh_security_group(account: str, region: str, name: str) -> frozenset[str]:
    """The same for one security group. Raises ProviderError."""
    place = Place(account, region, timezone.now())
    there = queries.provider_named(account).security_groups.list(account, region)
    wanted = {group.id: columns.of_security_group(group) for group in there if group.name == name}
    return _write_one(place, SecurityGroup, "group_id", wanted, Q(name=name))


def refresh_image(account: str, region: str, image_id: str) -> None:
    """The same for one image. Raises ProviderError."""
    place = Place(account, region, timezone.now())
    image = queries.provider_named(account).images.get(account, region, image_id)
    with transaction.atomic():
        place.lock()
        sync(place, Image, "image_id", {image_id: columns.of_image(image)}, within=Q(image_id=image_id))


def _write_one(
    place: Place,
    model: type[LoadBalancer] | type[SecurityGroup],
    key: str,
    wanted: dict[str, columns.Columns],
    within: Q,
) -> frozenset[str]:
    with transaction.atomic():
        place.lock()
        touched: Iterable[LoadBalancer | SecurityGroup] = sync(place, model, key, wanted, within=within).touched
        changed = _applications(touched)
        _announce_on_commit(changed)
    return changed


def _refresh(account: str, region: str, kind: Kind) -> frozenset[str]:
    read, write = _KINDS[kind]
    place = Place(account, region, timezone.now())
    try:
        report = read(queries.provider_named(account), account, region)
    except (ProviderError, InvalidValue) as error:
        note_failure(account, region, kind, error.message)
        return frozenset()
    with transaction.atomic():
        place.lock()
        changed: frozenset[str] = write(report, place)
        Freshness.objects.bulk_create(
            [Freshness(account_id=account, region=region, kind=kind, refreshed_at=place.read_at, error="")],
            update_conflicts=True,
            unique_fields=["account", "region", "kind"],
            update_fields=["refreshed_at", "error"],
        )
        _announce_on_commit(changed)
    return changed


def _read_images(provider: CloudProvider, account: str, region: str) -> list[values.Image]:
    return provider.images.list(account, region)


def _write_images(images: list[values.Image], place: Place) -> frozenset[str]:
    sync(place, Image, "image_id", {image.id: columns.of_image(image) for image in images})
    return frozenset()


def _read_server_groups(provider: CloudProvider, account: str, region: str) -> values.Changes:
    return provider.server_groups.changes(account, region, {})


def _write_server_groups(changes: values.Changes, place: Place, *, only: str = "") -> frozenset[str]:
    """`only` limits what is removed to the server group of that name."""
    image_ids = {group.image_id for group in changes.groups}
    images = place.rows(Image).filter(image_id__in=image_ids).order_by().values_list("image_id", "package", "version")
    baked_from = {image_id: (package, version) for image_id, package, version in images}
    wanted = {
        group.name: columns.of_server_group(group, baked_from, changes.marks[group.name]) for group in changes.groups
    }
    within = Q(name=only) if only else Q()
    synced = sync(place, ServerGroup, "name", wanted, within=within, kept=changes.marks.keys())
    instances = {
        instance.id: columns.of_instance(instance, synced.pks[group.name])
        for group in changes.groups
        for instance in group.instances
    }
    owned = Q(server_group__in=list(synced.pks.values()))
    touched = {row.server_group_id for row in sync(place, Instance, "instance_id", instances, within=owned).touched}
    owners = {name for name, pk in synced.pks.items() if pk in touched}
    return _applications(synced.touched) | {wanted[name]["application"] for name in owners} - {""}


def _read_load_balancers(provider: CloudProvider, account: str, region: str) -> list[values.LoadBalancer]:
    return provider.load_balancers.list(account, region)


def _write_load_balancers(balancers: list[values.LoadBalancer], place: Place) -> frozenset[str]:
    wanted = {balancer.name: columns.of_load_balancer(balancer) for balancer in balancers}
    return _applications(sync(place, LoadBalancer, "name", wanted).touched)


def _read_security_groups(provider: CloudProvider, account: str, region: str) -> list[values.SecurityGroup]:
    return provider.security_groups.list(account, region)


def _write_security_groups(groups: list[values.SecurityGroup], place: Place) -> frozenset[str]:
    wanted = {group.id: columns.of_security_group(group) for group in groups}
    return _applications(sync(place, SecurityGroup, "group_id", wanted).touched)


#: How a kind is read, which raises ProviderError, and how its report becomes rows.
_KINDS: Mapping[Kind, tuple[Callable[[CloudProvider, str, str], Any], Callable[[Any, Place], frozenset[str]]]] = {
    Kind.IMAGES: (_read_images, _write_images),
    Kind.SERVER_GROUPS: (_read_server_groups, _write_server_groups),
    Kind.LOAD_BALANCERS: (_read_load_balancers, _write_load_balancers),
    Kind.SECURITY_GROUPS: (_read_security_groups, _write_security_groups),
}


def _applications(rows: Iterable[ServerGroup | LoadBalancer | SecurityGroup]) -> frozenset[str]:
    return frozenset(row.application for row in rows if row.application)


def note_failure(account: str, region: str, kind: Kind, error: str) -> None:
    """The rows could not be read anew; refreshed_at stays, since it tells how old they are."""
    Freshness.objects.bulk_create(
        [Freshness(account_id=account, region=region, kind=kind, error=error)],
        update_conflicts=True,
        unique_fields=["account", "region", "kind"],
        update_fields=["error"],
    )


def _announce_on_commit(changed: frozenset[str]) -> None:
    def announce() -> None:
        for listener in listeners:
            try:
                listener(changed)
            except Exception:  # a live update is a hint: whoever fails to pass it on, the rows stand
                log.exception("a listener to inventory changes failed")

    if changed:
        transaction.on_commit(announce)
