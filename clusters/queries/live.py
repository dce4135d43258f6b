"""The provider's state now, for stages. Whoever acts needs READ on the account. Provider errors pass through."""

from __future__ import annotations

from clusters.core import naming, selection, values
from clusters.core.scaling import Scaling
from clusters.core.values import InvalidValue
from clusters.models import Account, Application
from clusters.providers import get_provider
from clusters.providers.base import CloudProvider, NotFound
from clusters.trust.permissions import READ, Actor, Refused, require


def account_named(name: str) -> Account:
    """An account in use. Raises InvalidValue when there is none or it is switched off."""
    account = Account.objects.filter(name=name).first()
    if account is None:
        raise InvalidValue("account", f"account {name!r} does not exist")
    if not account.is_enabled:
        raise InvalidValue("account", f"account {name!r} is disabled")
    return account


def provider_of(account: Account) -> CloudProvider:
    """Raises InvalidValue when the account names a provider that is not installed."""
    try:
        return get_provider(account.provider)
    except KeyError:
        raise InvalidValue("cloudProvider", f"there is no provider {account.provider!r}") from None


def provider_named(account: str) -> CloudProvider:
    """The cloud of the account of that name. Raises InvalidValue."""
    return provider_of(account_named(account))


def readable(actor: Actor, account: str) -> CloudProvider:
    """The cloud of the account of that name, for who may READ the account. Raises Refused, InvalidValue."""
    row = account_named(account)
    require(actor, READ, row)
    return provider_of(row)


def accounts_of(actor: Actor, provider: str) -> list[str]:
    """Names of the accounts in use at a provider that the actor may READ."""
    return list(Account.objects.visible_to(actor).enabled().filter(provider=provider).values_list("name", flat=True))


def packages(actor: Actor, account: str) -> list[values.Package]:
    """What was uploaded to the account's cloud, the latest first; [] where the cloud keeps no packages."""
    provider = readable(actor, account)
    if not provider.has_packages:
        return []
    return sorted(provider.packages.list(), key=lambda package: package.uploaded_at, reverse=True)


def live_cluster(
    actor: Actor, account: str, region: str, cluster: str, *, with_destroyed: bool = False
) -> list[values.ServerGroup]:
    """The cluster's server groups, newest first, without those being destroyed unless asked."""
    groups = [
        group
        for group in readable(actor, account).server_groups.list(account, region)
        if cluster_of(group.name) == cluster and (with_destroyed or not group.is_being_destroyed)
    ]
    return selection.newest_first(groups)


def live_server_group(actor: Actor, account: str, region: str, name: str) -> values.ServerGroup:
    """Raises NotFound."""
    return readable(actor, account).server_groups.get(account, region, name)


def live_blueprint(actor: Actor, account: str, region: str, name: str) -> values.ServerGroupRequest:
    """What would make the server group's like. Raises NotFound.

    Refused also without READ on the application it belongs to: its environment may hold what is for those alone.
    """
    provider = readable(actor, account)
    _require_owner(actor, name)
    return provider.server_groups.blueprint(account, region, name)


def live_scaling(actor: Actor, account: str, region: str, name: str) -> Scaling:
    """What changes the server group's size by itself; nothing where the cloud has no such thing, or the group is gone.

    Refused also without READ on the application it belongs to.
    """
    provider = readable(actor, account)
    _require_owner(actor, name)
    if not provider.has_scaling:
        return Scaling()
    try:
        return provider.server_groups.get(account, region, name).scaling
    except NotFound:
        return Scaling()


def _require_owner(actor: Actor, name: str) -> None:
    """Raises Refused without READ on the application to which a server group of that name belongs."""
    moniker = naming.parse(name)
    owner = Application.objects.filter(name=moniker.app).select_related("owner_role").first() if moniker else None
    if owner is not None:
        require(actor, READ, owner)
    elif not actor.is_superuser:
        raise Refused(f"{actor.username} lacks READ on the application of {name}.")


def live_image(actor: Actor, account: str, region: str, image_id: str) -> values.Image:
    """Raises NotFound."""
    return readable(actor, account).images.get(account, region, image_id)


def live_images(actor: Actor, account: str, region: str) -> list[values.Image]:
    """Newest first."""
    images = readable(actor, account).images.list(account, region)
    return sorted(images, key=lambda image: (image.created_at, image.name), reverse=True)


def live_load_balancer(actor: Actor, account: str, region: str, name: str) -> values.LoadBalancer:
    """Raises NotFound."""
    return readable(actor, account).load_balancers.get(account, region, name)


def cluster_of(name: str) -> str:
    """A name that does not follow the rule is a cluster of its own."""
    moniker = naming.parse(name)
    return moniker.cluster if moniker else name
