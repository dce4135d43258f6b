"""Pull what providers report into rows: only what differs is written, and a failing provider never empties anything.

sync.py     make rows what a report says, in few statements
columns.py  what a row holds of each reported value

Who wants to know which applications' rows changed is in `listeners`; clusters.slots fills it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from clusters import queries
from clusters.core import values
from clusters.core.values import InvalidValue
from clusters.inventory import columns
from clusters.inventory.sync import Place, sync
from clusters.models import Freshness, Image, Instance, LoadBalancer, SecurityGroup, ServerGroup
from clusters.providers.base import NotFound, ProviderError

log = logging.getLogger(__name__)

#: Called after commit with the names of the applications whose rows changed.
listeners: list[Callable[[frozenset[str]], object]] = []


@dataclass(frozen=True, slots=True)
class Report:
    """What a provider says of one account and region."""

    server_groups: list[values.ServerGroup]
    load_balancers: list[values.LoadBalancer]
    security_groups: list[values.SecurityGroup]
    images: list[values.Image]


def refresh(account: str, region: str) -> frozenset[str]:
    """Make the rows of one account and region what its provider reports; the applications whose rows changed.

    When the provider cannot be read the rows stay as they are and Freshness says why.
    """
    try:
        report = _read(account, region)
    except (ProviderError, InvalidValue) as error:
        note_failure(account, region, error.message)
        return frozenset()
    with transaction.atomic():
        place = Place(account, region, timezone.now())
        place.lock()
        changed = _write(report, place)
        Freshness.objects.bulk_create(
            [Freshness(account_id=account, region=region, refreshed_at=place.now, error="")],
            update_conflicts=True,
            unique_fields=["account", "region"],
            update_fields=["refreshed_at", "error"],
        )
        _announce_on_commit(changed)
    return changed


def refresh_server_group(account: str, region: str, name: str) -> frozenset[str]:
    """The same for one server group, right after it was changed. Raises ProviderError."""
    try:
        found = [queries.provider_named(account).server_groups.get(account, region, name)]
    except NotFound:
        found = []
    with transaction.atomic():
        place = Place(account, region, timezone.now())
        place.lock()
        image_ids = [group.image_id for group in found]
        images = place.rows(Image).filter(image_id__in=image_ids)
        baked_from = {image.image_id: (image.package, image.version) for image in images}
        changed = _write_server_groups(found, baked_from, place, only=name)
        _announce_on_commit(changed)
    return changed


def refresh_load_balancer(account: str, region: str, name: str) -> frozenset[str]:
    """The same for one load balancer. Raises ProviderError."""
    provider = queries.provider_named(account)
    try:
        found = [provider.load_balancers.get(account, region, name)]
    except NotFound:
        found = []
    wanted = {balancer.name: columns.of_load_balancer(balancer) for balancer in found}
    return _write_one(account, region, LoadBalancer, "name", wanted, Q(name=name))


def refresh_security_group(account: str, region: str, name: str) -> frozenset[str]:
    """The same for one security group. Raises ProviderError."""
    there = queries.provider_named(account).security_groups.list(account, region)
    wanted = {group.id: columns.of_security_group(group) for group in there if group.name == name}
    return _write_one(account, region, SecurityGroup, "group_id", wanted, Q(name=name))


def refresh_image(account: str, region: str, image_id: str) -> None:
    """The same for one image. Raises ProviderError."""
    image = queries.provider_named(account).images.get(account, region, image_id)
    with transaction.atomic():
        place = Place(account, region, timezone.now())
        place.lock()
        sync(place, Image, "image_id", {image_id: columns.of_image(image)}, within=Q(image_id=image_id))


def _write_one(
    account: str,
    region: str,
    model: type[LoadBalancer] | type[SecurityGroup],
    key: str,
    wanted: dict[str, columns.Columns],
    within: Q,
) -> frozenset[str]:
    with transaction.atomic():
        place = Place(account, region, timezone.now())
        place.lock()
        touched: Iterable[LoadBalancer | SecurityGroup] = sync(place, model, key, wanted, within=within).touched
        changed = _applications(touched)
        _announce_on_commit(changed)
    return changed


def _read(account: str, region: str) -> Report:
    provider = queries.provider_named(account)
    return Report(
        provider.server_groups.list(account, region),
        provider.load_balancers.list(account, region),
        provider.security_groups.list(account, region),
        provider.images.list(account, region),
    )


def _write(report: Report, place: Place) -> frozenset[str]:
    sync(place, Image, "image_id", {image.id: columns.of_image(image) for image in report.images})
    baked_from = {image.id: (image.package, image.version) for image in report.images}
    balancers = {balancer.name: columns.of_load_balancer(balancer) for balancer in report.load_balancers}
    firewalls = {group.id: columns.of_security_group(group) for group in report.security_groups}
    return (
        _write_server_groups(report.server_groups, baked_from, place)
        | _applications(sync(place, LoadBalancer, "name", balancers).touched)
        | _applications(sync(place, SecurityGroup, "group_id", firewalls).touched)
    )


def _write_server_groups(
    groups: list[values.ServerGroup], baked_from: columns.BakedFrom, place: Place, *, only: str = ""
) -> frozenset[str]:
    """`only` limits what is removed to the server group of that name."""
    wanted = {group.name: columns.of_server_group(group, baked_from) for group in groups}
    synced = sync(place, ServerGroup, "name", wanted, within=Q(name=only) if only else Q())
    instances = {
        instance.id: columns.of_instance(instance, synced.rows[group.name].pk)
        for group in groups
        for instance in group.instances
    }
    within = Q(server_group__name=only) if only else Q()
    touched = {row.server_group_id for row in sync(place, Instance, "instance_id", instances, within=within).touched}
    owners = [row for row in synced.rows.values() if row.pk in touched]
    return _applications([*synced.touched, *owners])


def _applications(rows: Iterable[ServerGroup | LoadBalancer | SecurityGroup]) -> frozenset[str]:
    return frozenset(row.application for row in rows if row.application)


def note_failure(account: str, region: str, error: str) -> None:
    """The rows could not be read anew; refreshed_at stays, since it tells how old they are."""
    Freshness.objects.bulk_create(
        [Freshness(account_id=account, region=region, error=error)],
        update_conflicts=True,
        unique_fields=["account", "region"],
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
