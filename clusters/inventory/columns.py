"""What a row holds of each reported value. Lists are sorted where their order means nothing, so that rows compare."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from clusters.core import naming, values
from clusters.core.values import Health

Columns = dict[str, Any]
#: Tag of a row whose instances run more than their image: "shop 1.2 on 2 of 3".
PATCHED_TAG = "patched"

#: Package and version by image id.
BakedFrom = dict[str, tuple[str, str]]


def of_server_group(group: values.ServerGroup, baked_from: BakedFrom, mark: str) -> Columns:
    package, version = baked_from.get(group.image_id, ("", ""))
    return {
        **_name_parts(group.name),
        "min_size": group.capacity.min,
        "desired_size": group.capacity.desired,
        "max_size": group.capacity.max,
        "image_id": group.image_id,
        "image_name": group.image_name,
        "package": package,
        "version": version,
        "is_disabled": group.is_disabled,
        "is_being_destroyed": group.is_being_destroyed,
        "load_balancers": sorted(group.load_balancers),
        "security_groups": sorted(group.security_groups),
        "suspended_processes": sorted(group.suspended_processes),
        "scaling": group.scaling.as_json(),
        "up": group.count(Health.UP),
        "down": group.count(Health.DOWN),
        "starting": group.count(Health.STARTING),
        "out_of_service": group.count(Health.OUT_OF_SERVICE),
        "draining": group.count(Health.DRAINING),
        "unknown": group.count(Health.UNKNOWN),
        "tags": group.tags | _patched(group),
        "created_at": group.created_at,
        "mark": mark,
    }


def _patched(group: values.ServerGroup) -> dict[str, str]:
    """Once something is laid over it, the image no longer tells what runs."""
    total = len(group.instances)
    told = [f"{package} on {count} of {total}" for package, count in sorted(group.patches.items())]
    return {PATCHED_TAG: ", ".join(told)} if told else {}


def of_instance(instance: values.Instance, server_group_pk: int) -> Columns:
    return {
        "server_group_id": server_group_pk,
        "health": str(instance.health),
        "reports": [asdict(report) for report in instance.reports],
        "zone": instance.zone,
        "address": instance.address,
        "launched_at": instance.launched_at,
    }


def of_load_balancer(balancer: values.LoadBalancer) -> Columns:
    return {
        "application": _application(balancer.name),
        "port": balancer.listener.port,
        "protocol": balancer.listener.protocol,
        "more_listeners": [asdict(listener) for listener in balancer.more_listeners],
        "zones": sorted(balancer.zones),
        "health_check": asdict(balancer.health_check),
        "security_groups": sorted(balancer.security_groups),
        "address": balancer.address,
        "members": [
            {"instance": instance, "health": str(report.health), "reason": report.reason}
            for instance, report in sorted(balancer.members, key=lambda member: member[0])
        ],
        "created_at": balancer.created_at,
    }


def of_security_group(group: values.SecurityGroup) -> Columns:
    return {
        "name": group.name,
        "application": _application(group.name),
        "description": group.description,
        "rules": [asdict(rule) for rule in group.rules],
    }


def of_image(image: values.Image) -> Columns:
    return {
        "name": image.name,
        "package": image.package,
        "version": image.version,
        "base": image.base,
        "tags": image.tags,
        "created_at": image.created_at,
    }


def _name_parts(name: str) -> Columns:
    moniker = naming.parse(name)
    if moniker is None:
        return {"application": "", "stack": "", "detail": "", "cluster": name, "sequence": None}
    return {
        "application": moniker.app,
        "stack": moniker.stack or "",
        "detail": moniker.detail or "",
        "cluster": moniker.cluster,
        "sequence": moniker.sequence,
    }


def _application(name: str) -> str:
    moniker = naming.parse(name)
    return moniker.app if moniker else ""
