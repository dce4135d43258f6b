"""What a step of an execution does to a server group, in a pattern that survives a crash.

    intent = intend_create(actor, …, token=token)     # in the transaction that writes the intent down
    create(actor, intent, token)                      # after its commit, in no transaction
    find_created(intent, token)                       # after a crash between the two

Each change likewise: intend_change, then change, which may be repeated. Intents are JSON. Rights are asked for twice,
when the intent is written down and right before the call: an effect may be tried for a long while.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import asdict, replace
from typing import Any

from django.utils import timezone

from clusters import inventory, queries
from clusters.core import naming, values
from clusters.core.scaling import Scaling, copied
from clusters.core.values import Capacity, InvalidValue
from clusters.operations import names, traffic_guards
from clusters.operations.places import (
    Place,
    require_execute,
    require_execute_on_lenders,
    still_writable,
    writable,
)
from clusters.providers.base import TOKEN_TAG, Conflict, NotFound, check_processes
from clusters.providers.rehearsal import is_rehearsing
from clusters.trust import audit
from clusters.trust.permissions import Actor

log = logging.getLogger(__name__)

Json = dict[str, Any]

#: Tag that names who asked for the server group.
ACTOR_TAG = "spinnaker-created-by"
KINDS = frozenset({"resize", "disable", "enable", "destroy", "suspend", "resume", "deregister"})
#: A server group that is gone is as good as disabled or destroyed.
FINE_WHEN_GONE = frozenset({"disable", "destroy", "deregister"})


def cluster_key(account: str, region: str, cluster: str) -> str:
    """The key of the lock (operations.locks) under which the cluster is changed."""
    return f"{account}:{region}:{cluster}"


def intend_create(
    actor: Actor,
    *,
    account: str,
    region: str,
    application: str,
    launch: Json,
    token: str,
    stack: str = "",
    detail: str = "",
    like: str = "",
    execution_id: str = "",
) -> Json:
    """Reserve the cluster's next name for the token and say what to create; the same token gets the same name.

    `launch` holds fields of values.ServerGroupRequest (image_id, capacity {min, desired, max}, load_balancers, …) but
    region and name. Its `scaling` is that of the server group `like`, and is made
    the new one's. Raises Refused, InvalidValue naming the JSON field, ProviderError.
    """
    place = writable(actor, account, region)
    require_execute(actor, application)
    moniker = naming.checked(application, stack, detail)
    request = _request({**launch, "region": region, "name": moniker.cluster})
    require_execute_on_lenders(actor, application, request.load_balancers)
    _check_parts(place, request)
    name = names.reserve(place, moniker, token)
    tags = request.tags | {ACTOR_TAG: actor.username}
    scaling = copied(request.scaling, like, name, timezone.now()) if like else request.scaling
    intent: Json = {
        "kind": "create",
        "account": account,
        "region": region,
        "name": name,
        "cluster": moniker.cluster,
        "application": application,
        "request": _as_json(replace(request, name=name, tags=tags, scaling=scaling)),
    }
    _record(actor, intent, execution_id, after=intent["request"])
    return intent


def create(actor: Actor, intent: Json, token: str) -> values.ServerGroup:
    """Idempotent by the token. Raises Refused, ProviderError."""
    provider = still_writable(actor, intent).provider
    group = provider.server_groups.create(intent["account"], _request(intent["request"]), token)
    refresh_row(intent)
    return group


def find_created(intent: Json, token: str) -> values.ServerGroup | None:
    """The server group if the create was done. Raises ProviderError when that cannot be told."""
    try:
        group = queries.provider_named(intent["account"]).server_groups.get(
            intent["account"], intent["region"], intent["name"]
        )
    except NotFound:
        return None
    return group if group.tags.get(TOKEN_TAG) == token else None


def intend_change(
    actor: Actor,
    kind: str,
    account: str,
    region: str,
    name: str,
    capacity: Capacity | None = None,
    *,
    processes: frozenset[str] = frozenset(),
    load_balancer: str = "",
    instances: Collection[str] = (),
    along_with: Collection[str] = (),
    execution_id: str = "",
) -> Json:
    """`kind` is one of KINDS; resize takes an absolute `capacity`, suspend and resume take `processes`, deregister
    drains `instances` from one `load_balancer`.

    `along_with` names server groups that lose their traffic by the same effect, for the traffic guard.
    Raises Refused, Guarded; InvalidRequest for a process that the cloud does not have; NotFound or Conflict when the
    server group is gone or going (fine for disable and destroy).
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is not a change to a server group")
    place = writable(actor, account, region)
    moniker = naming.parse(name)
    application = moniker.app if moniker else ""
    require_execute(actor, application)
    before = _before(place, kind, name)
    if kind == "suspend":
        check_processes(place.provider.processes, processes, "processes")
    if takes_traffic_away(kind, capacity):
        verb = "resize to no instances" if kind == "resize" else kind
        traffic_guards.check(place, queries.cluster_of(name), f"{verb} {name}", groups={name, *along_with})
    intent: Json = {
        "kind": kind,
        "account": account,
        "region": region,
        "name": name,
        "cluster": queries.cluster_of(name),
        "application": application,
        "capacity": capacity.as_json() if capacity else None,
        "processes": sorted(processes),
        "load_balancer": load_balancer,
        "instances": sorted(instances),
    }
    change = {name: intent[name] for name in ("capacity", "processes", "load_balancer", "instances") if intent[name]}
    _record(actor, intent, execution_id, before=before, after=change)
    return intent


def takes_traffic_away(kind: str, capacity: Capacity | None) -> bool:
    """Whether no instance of the server group takes traffic after the change."""
    return kind in ("disable", "destroy") or (kind == "resize" and capacity is not None and capacity.desired == 0)


def change(actor: Actor, intent: Json) -> None:
    """Do it; again is harmless. Raises Refused, ProviderError."""
    provider = still_writable(actor, intent).provider
    groups, instances = provider.server_groups, provider.instances
    target = intent["account"], intent["region"], intent["name"]
    try:
        match intent["kind"]:
            case "resize":
                groups.resize(*target, Capacity(**intent["capacity"]))
            case "disable":
                groups.disable(*target)
            case "enable":
                groups.enable(*target)
            case "destroy":
                groups.destroy(*target)
            case "suspend":
                groups.suspend(*target, frozenset(intent["processes"]))
            case "resume":
                groups.resume(*target, frozenset(intent["processes"]))
            case "deregister":
                instances.deregister(*target[:2], intent["load_balancer"], tuple(intent["instances"]))
    except NotFound:
        if intent["kind"] not in FINE_WHEN_GONE:
            raise
    refresh_row(intent)


def standing(intent: Json) -> dict[str, values.ServerGroup]:
    """The server groups of the intent's cluster by name, also those being destroyed: what became of it after a crash.

    Asks for no permission: whoever lost it meanwhile still learns what their own change has left. Raises ProviderError.
    """
    groups = queries.provider_named(intent["account"]).server_groups.list(intent["account"], intent["region"])
    return {group.name: group for group in groups if queries.cluster_of(group.name) == intent["cluster"]}


def _check_parts(place: Place, request: values.ServerGroupRequest) -> None:
    """The provider would refuse these too, but only after the intent is written down."""
    provider, where = place.provider, (place.account, place.region)
    check_processes(provider.processes, request.suspended_processes, "suspendedProcesses")
    if request.scaling and not provider.has_scaling:
        raise InvalidValue("scaling", f"{provider.label} has no scaling policies and scheduled actions")
    try:
        provider.images.get(*where, request.image_id)
    except NotFound:
        raise InvalidValue("imageId", f"image {request.image_id!r} does not exist in {place.region}") from None
    if request.load_balancers:
        known = {balancer.name for balancer in provider.load_balancers.list(*where)}
        _check_known("loadBalancers", "load balancer", request.load_balancers, known)
    if request.security_groups:
        known = {key for group in provider.security_groups.list(*where) for key in (group.id, group.name)}
        _check_known("securityGroups", "security group", request.security_groups, known)


def _check_known(field_name: str, kind: str, wanted: tuple[str, ...], known: set[str]) -> None:
    for name in wanted:
        if name not in known:
            raise InvalidValue(field_name, f"{kind} {name!r} does not exist")


def _before(place: Place, kind: str, name: str) -> Json | None:
    """What is there now; None when it is gone and that is fine."""
    try:
        group = place.provider.server_groups.get(place.account, place.region, name)
    except NotFound:
        if kind in FINE_WHEN_GONE:
            return None
        raise
    if group.is_being_destroyed and kind not in FINE_WHEN_GONE:
        raise Conflict(f"server group {name} is being destroyed")
    return {"capacity": group.capacity.as_json(), "suspended_processes": sorted(group.suspended_processes)}


def _as_json(request: values.ServerGroupRequest) -> Json:
    plain = {"suspended_processes": sorted(request.suspended_processes), "scaling": request.scaling.as_json()}
    return asdict(request) | plain


def _request(json: Json) -> values.ServerGroupRequest:
    """Raises InvalidValue for a capacity that does not hold together."""
    return values.ServerGroupRequest(
        **json
        | {
            "capacity": Capacity(**json["capacity"]),
            "load_balancers": tuple(json.get("load_balancers", ())),
            "security_groups": tuple(json.get("security_groups", ())),
            "suspended_processes": frozenset(json.get("suspended_processes", ())),
            "scaling": Scaling.from_json(json.get("scaling", {})),
        }
    )


def _record(
    actor: Actor, intent: Json, execution_id: str, before: Json | None = None, after: Json | None = None
) -> None:
    audit.record(
        actor,
        f"server_group.{intent['kind']}",
        ("server_group", f"{intent['account']}/{intent['region']}/{intent['name']}"),
        before,
        after,
        application=intent["application"],
        execution_id=execution_id,
    )


def refresh_row(intent: Json) -> None:
    """After an effect on the intent's server group; never fails it."""
    if is_rehearsing():
        return
    try:
        inventory.refresh_server_group(intent["account"], intent["region"], intent["name"])
    except Exception:  # the change is done whatever becomes of the page's row; the next refresh mends it
        log.exception("could not refresh server group %s after %s", intent["name"], intent["kind"])
