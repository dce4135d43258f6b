"""What a step of an execution does to instances: intend in the transaction that writes it down, then call by call.

An intent holds `calls`, one of the provider's each: ending, restarting and patching take one instance, registering
takes one load balancer. A call may be repeated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from clusters import queries
from clusters.core import naming, values
from clusters.core.values import Health, InvalidValue
from clusters.operations import server_groups, traffic_guards
from clusters.operations.places import Place, require_execute, still_writable, writable
from clusters.providers.base import NotFound
from clusters.trust import audit
from clusters.trust.permissions import Actor

Json = dict[str, Any]

KINDS = frozenset({"terminate", "reboot", "register", "deregister", "patch"})
#: Kinds for which an instance that is gone is as good as done.
FINE_WHEN_GONE = frozenset({"terminate", "deregister"})


def intend(
    actor: Actor,
    kind: str,
    account: str,
    region: str,
    instance_ids: Collection[str],
    *,
    load_balancers: Collection[str] = (),
    package: tuple[str, str] | None = None,
    token: str = "",
    execution_id: str = "",
) -> Json:
    """`kind` is one of KINDS; register and deregister take `load_balancers`, patch a `package` (name, version) and the
    `token` by which it is done once. The instances are of one cluster.

    Raises Refused, Guarded, InvalidValue naming the JSON field; NotFound for instances that do not exist, where
    something of the kind is to be done.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is nothing that is done to instances")
    place = writable(actor, account, region)
    groups = _groups_of(place, kind, instance_ids)
    cluster = _only_cluster(groups)
    moniker = naming.parse(cluster)
    application = moniker.app if moniker else ""
    require_execute(actor, application)
    ids = [i.id for group in groups for i in group.instances if i.id in instance_ids]
    if load_balancers:
        _check_load_balancers(groups, load_balancers)
    if package:
        _check_package(place, package)
    if kind in FINE_WHEN_GONE:
        traffic_guards.check(place, cluster, f"{kind} {', '.join(ids)}", instances=set(ids))
    calls = [(ids, name) for name in load_balancers] if load_balancers else [([one], "") for one in ids]
    for group in groups:
        for one in (i.id for i in group.instances if i.id in ids):
            audit.record(
                actor,
                f"instance.{kind}",
                ("instance", f"{account}/{region}/{one}"),
                {"server_group": group.name},
                _asked(load_balancers, package),
                application=application,
                execution_id=execution_id,
            )
    return {
        "kind": kind,
        "account": account,
        "region": region,
        "cluster": cluster,
        "application": application,
        "names": [group.name for group in groups],
        "instance_ids": ids,
        **({"package": list(package), "token": token} if package else {}),
        "calls": [{"instance_ids": some, "load_balancer": name} for some, name in calls],
    }


def change(actor: Actor, intent: Json, number: int) -> None:
    """Make the call of that number; again is harmless. Raises Refused, ProviderError."""
    instances, call = still_writable(actor, intent).provider.instances, intent["calls"][number]
    place = intent["account"], intent["region"]
    match intent["kind"]:
        case "terminate":
            instances.terminate(*place, *call["instance_ids"])
        case "reboot":
            instances.reboot(*place, *call["instance_ids"])
        case "patch":
            (one,), (name, version) = call["instance_ids"], intent["package"]
            instances.patch(*place, one, name, version, f"{intent['token']}:{one}")
        case "register":
            instances.register(*place, call["load_balancer"], tuple(call["instance_ids"]))
        case "deregister":
            instances.deregister(*place, call["load_balancer"], tuple(call["instance_ids"]))
    for name in intent["names"]:
        server_groups.refresh_row({**intent, "name": name})


def is_done(intent: Json) -> bool:
    """Whether all of it can be seen to hold. A restart leaves nothing to be seen by. Raises ProviderError."""
    match intent["kind"]:
        case "terminate":
            there = server_groups.standing(intent).values()
            return not any(i.id in intent["instance_ids"] for group in there for i in group.instances)
        case "patch":
            name, version = intent["package"]
            there = server_groups.standing(intent).values()
            patched = {i.id for group in there for i in group.instances if i.patched.get(name) == version}
            return patched.issuperset(intent["instance_ids"])
        case "register":
            return all(health is Health.UP for health in _in_balancers(intent))
        case "deregister":
            return all(health not in (Health.UP, Health.STARTING) for health in _in_balancers(intent))
        case _:
            return False


def _in_balancers(intent: Json) -> Iterator[Health]:
    """What each load balancer says of each instance; OutOfService when it does not know it."""
    balancers = queries.provider_named(intent["account"]).load_balancers
    for call in intent["calls"]:
        members = dict(balancers.get(intent["account"], intent["region"], call["load_balancer"]).members)
        for one in call["instance_ids"]:
            yield members[one].health if one in members else Health.OUT_OF_SERVICE


def _groups_of(place: Place, kind: str, instance_ids: Collection[str]) -> list[values.ServerGroup]:
    wanted = set(instance_ids)
    groups = [
        group
        for group in place.provider.server_groups.list(place.account, place.region)
        if any(instance.id in wanted for instance in group.instances)
    ]
    unknown = wanted - {instance.id for group in groups for instance in group.instances}
    if not groups or (unknown and kind not in FINE_WHEN_GONE):
        raise NotFound(f"there is no instance {', '.join(sorted(unknown))} in {place.region} of {place.account}")
    return groups


def _only_cluster(groups: list[values.ServerGroup]) -> str:
    clusters = sorted({queries.cluster_of(group.name) for group in groups})
    if len(clusters) > 1:
        raise InvalidValue("instanceIds", f"are of several clusters ({', '.join(clusters)}); take one at a time")
    return clusters[0]


def _check_package(place: Place, package: tuple[str, str]) -> None:
    name, version = package
    provider = place.provider
    if not provider.can_patch:
        raise InvalidValue("package", f"instances of {provider.label} cannot be patched; bake an image and deploy it")
    if provider.has_packages and not any((known.name, known.version) == package for known in provider.packages.list()):
        raise InvalidValue("package", f"{name} {version} has not been uploaded")


def _asked(load_balancers: Collection[str], package: tuple[str, str] | None) -> Json | None:
    """What the audit keeps of it."""
    if load_balancers:
        return {"load_balancers": list(load_balancers)}
    return {"package": " ".join(package)} if package else None


def _check_load_balancers(groups: list[values.ServerGroup], names: Collection[str]) -> None:
    for group in groups:
        for name in names:
            if name not in group.load_balancers:
                raise InvalidValue("loadBalancerNames", f"{group.name} is not behind load balancer {name!r}")
