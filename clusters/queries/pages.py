"""Rows for pages. What the actor may not see raises DoesNotExist, as if it were not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from clusters.core import values
from clusters.models import (
    Account,
    Application,
    Freshness,
    Image,
    Instance,
    Kind,
    LoadBalancer,
    SecurityGroup,
    ServerGroup,
)
from clusters.models.account import AccountQuerySet
from clusters.queries.live import provider_named, provider_of
from clusters.trust.permissions import Actor


def applications_for(actor: Actor) -> QuerySet[Application]:
    """Each with `server_group_count`."""
    groups = ServerGroup.objects.filter(application=OuterRef("name")).order_by().values("application")
    count = Coalesce(Subquery(groups.annotate(count=Count("pk")).values("count")), 0)
    return Application.objects.visible_to(actor).select_related("owner_role").annotate(server_group_count=count)


def application_for(actor: Actor, name: str) -> Application:
    """Raises Application.DoesNotExist."""
    return Application.objects.visible_to(actor).select_related("owner_role").get(name=name)


def accounts_for(actor: Actor) -> AccountQuerySet:
    return Account.objects.visible_to(actor)


def freshness_for(actor: Actor, *kinds: Kind) -> QuerySet[Freshness]:
    """How old the rows of these kinds, or all, are in each account and region."""
    rows = Freshness.objects.filter(account__in=_names(actor), kind__in=kinds or Kind.values)
    return rows.order_by("account_id", "region", "kind")


def server_groups_for(actor: Actor, application: Application) -> QuerySet[ServerGroup]:
    return ServerGroup.objects.filter(account__in=_names(actor), application=application.name)


@dataclass(frozen=True, slots=True)
class ServerGroupDetail:
    """`siblings` are the other server groups of the cluster in the region, newest first."""

    server_group: ServerGroup
    siblings: list[ServerGroup]
    load_balancers: list[LoadBalancer]
    security_groups: list[SecurityGroup]
    image: Image | None

    @property
    def is_last_enabled(self) -> bool:
        """Disabling or destroying it would leave the cluster without an enabled server group in the region."""
        return not self.server_group.is_disabled and all(sibling.is_disabled for sibling in self.siblings)


def server_group_detail(
    actor: Actor, application: Application, account: str, region: str, name: str
) -> ServerGroupDetail:
    """With its instances. Raises ServerGroup.DoesNotExist."""
    place = {"account_id": account, "region": region}
    visible = server_groups_for(actor, application).filter(**place)
    group = visible.prefetch_related("instances").get(name=name)
    return ServerGroupDetail(
        group,
        list(visible.filter(cluster=group.cluster).exclude(pk=group.pk)),
        list(LoadBalancer.objects.filter(name__in=group.load_balancers, **place)),
        list(SecurityGroup.objects.filter(group_id__in=group.security_groups, **place)),
        Image.objects.filter(image_id=group.image_id, **place).first(),
    )


def instances_for(actor: Actor, application: Application) -> QuerySet[Instance]:
    """With their server groups."""
    return Instance.objects.filter(server_group__in=server_groups_for(actor, application)).select_related(
        "server_group"
    )


def instance_for(actor: Actor, application: Application, account: str, region: str, instance_id: str) -> Instance:
    """With its server group. Raises Instance.DoesNotExist."""
    visible = instances_for(actor, application)
    return visible.get(account_id=account, region=region, instance_id=instance_id)


def instance_log(instance: Instance) -> str:
    """The end of what the instance printed, from the provider. Raises ProviderError."""
    provider = provider_named(instance.account_id)
    return provider.instances.log(instance.account_id, instance.region, instance.instance_id)


def load_balancers_for(actor: Actor, application: Application | None = None) -> QuerySet[LoadBalancer]:
    rows = LoadBalancer.objects.filter(account__in=_names(actor))
    return rows if application is None else rows.filter(application=application.name)


def security_groups_for(actor: Actor, application: Application | None = None) -> QuerySet[SecurityGroup]:
    rows = SecurityGroup.objects.filter(account__in=_names(actor))
    return rows if application is None else rows.filter(application=application.name)


def images_for(actor: Actor, package: str = "") -> QuerySet[Image]:
    rows = Image.objects.filter(account__in=_names(actor))
    return rows.filter(package=package) if package else rows


def packages_for(actor: Actor) -> list[tuple[Account, list[values.Package]]]:
    """Uploaded packages, newest first, of each account whose provider keeps packages. Raises ProviderError."""
    found = []
    for account in accounts_for(actor).enabled():
        provider = provider_of(account)
        if provider.has_packages:
            packages = sorted(provider.packages.list(), key=lambda package: package.uploaded_at, reverse=True)
            found.append((account, packages))
    return found


def _names(actor: Actor) -> QuerySet[Account, Any]:
    """Inventory rows refer to accounts by name."""
    return accounts_for(actor).order_by().values("name")
