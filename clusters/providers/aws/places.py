"""A region's network: which subnets a purpose means, and which security groups a name or an id."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from clusters.providers.aws.client import Aws, Json, in_filters
from clusters.providers.base import InvalidRequest

#: Tag by which Spinnaker knows what a subnet is for: {"purpose": "internal", "target": "ec2"}.
PURPOSE_TAG = "immutable_metadata"


@dataclass(frozen=True, slots=True)
class Network:
    """Subnets of one VPC."""

    vpc_id: str
    subnet_ids: tuple[str, ...]
    zones: frozenset[str] = frozenset()


def tags_of(thing: Json) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in thing.get("Tags", [])}


def purpose_of(subnet: Json) -> tuple[str, str]:
    """What a subnet is for, and whom: "ec2", "elb" or "" for anybody.

    Without the tag its name says it: vpc0.internal.eu-west-1a.
    """
    tags = tags_of(subnet)
    try:
        told = json.loads(tags.get(PURPOSE_TAG, ""))
    except ValueError:
        told = None
    if isinstance(told, dict):
        return str(told.get("purpose") or ""), str(told.get("target") or "")
    parts = tags.get("Name", "").split(".")
    return (parts[1], "") if len(parts) == 3 else ("", "")


def network(
    aws: Aws, *, ids: Collection[str] = (), purpose: str = "", zones: Collection[str] = (), target: str
) -> Network:
    """The subnets named by `ids`, else those of the purpose, else the default ones; in `zones` where any are named.

    Raises InvalidRequest when there are none, when they are of several VPCs, or for a zone where nothing can be.
    """
    subnets = aws.pages("ec2", "describe_subnets", "Subnets")
    field = "subnetIds" if ids else "subnetType" if purpose else "availabilityZones"
    if ids:
        found = [subnet for subnet in subnets if subnet["SubnetId"] in ids]
        missing = set(ids) - {subnet["SubnetId"] for subnet in found}
        if missing:
            raise InvalidRequest(f"subnet {min(missing)} does not exist in {aws.region}", field=field)
    elif purpose:
        found = [subnet for subnet in subnets if _serves(subnet, purpose, target)]
    else:
        found = [subnet for subnet in subnets if subnet.get("DefaultForAz")]
    if aws.config.vpc_id and not ids:
        found = [subnet for subnet in found if subnet["VpcId"] == aws.config.vpc_id]
    if missing := set(zones) - {subnet["AvailabilityZone"] for subnet in subnets}:
        raise InvalidRequest(f"account {aws.account} has no subnet in {min(missing)}", field="availabilityZones")
    if zones:
        found = [subnet for subnet in found if subnet["AvailabilityZone"] in zones]
    return _one_network(aws, found, field, purpose or "default", zones)


def zones(aws: Aws) -> list[str]:
    """Those of the region that are open to the account."""
    return sorted(zone["ZoneName"] for zone in aws.read("ec2", "describe_availability_zones")["AvailabilityZones"])


def _serves(subnet: Json, purpose: str, target: str) -> bool:
    its_purpose, its_target = purpose_of(subnet)
    return its_purpose == purpose and its_target in ("", target)


def _one_network(aws: Aws, subnets: list[Json], field: str, kind: str, zones: Collection[str]) -> Network:
    if not subnets:
        where = f"{aws.region}{' in ' + ', '.join(sorted(zones)) if zones else ''}"
        raise InvalidRequest(f"there is no {kind} subnet of account {aws.account} in {where}", field=field)
    vpcs = {subnet["VpcId"] for subnet in subnets}
    if len(vpcs) > 1:
        raise InvalidRequest(f"these subnets are of several VPCs: {', '.join(sorted(vpcs))}; set vpc_id", field=field)
    ids = tuple(sorted(subnet["SubnetId"] for subnet in subnets))
    return Network(vpcs.pop(), ids, frozenset(subnet["AvailabilityZone"] for subnet in subnets))


def vpc_id(aws: Aws) -> str:
    """Of the account's settings, else the default one."""
    if aws.config.vpc_id:
        return aws.config.vpc_id
    found = aws.pages("ec2", "describe_vpcs", "Vpcs", Filters=in_filters("is-default", ["true"]))
    if not found:
        raise InvalidRequest(f"{aws.region} has no default VPC; set vpc_id of account {aws.account}", field="account")
    return str(found[0]["VpcId"])


def security_group_ids(aws: Aws, wanted: Collection[str], vpc: str) -> list[str]:
    """`wanted` are ids or names in the VPC. Raises InvalidRequest for what does not exist there."""
    if not wanted:
        return []
    groups = aws.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=in_filters("vpc-id", [vpc]))
    known = {group["GroupName"]: group["GroupId"] for group in groups} | {g["GroupId"]: g["GroupId"] for g in groups}
    for name in wanted:
        if name not in known:
            raise InvalidRequest(f"security group {name} does not exist in {vpc}", field="securityGroups")
    return list(dict.fromkeys(known[name] for name in wanted))


def security_group_names(aws: Aws, ids: Collection[str]) -> dict[str, str]:
    """Names by id; what is gone keeps its id for a name."""
    if not ids:
        return {}
    groups = aws.pages("ec2", "describe_security_groups", "SecurityGroups")
    return {group_id: group_id for group_id in ids} | {group["GroupId"]: group["GroupName"] for group in groups}
