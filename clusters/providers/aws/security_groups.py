"""Security groups of a VPC. A rule's source is a CIDR of IPv4 or IPv6, or another group.

EC2 knows no "all protocols" for some ports only: such a rule is a TCP and a UDP rule there, and is read back as one.
Rules that the contract has no words for (ICMP, prefix lists) are neither shown nor touched.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from contextlib import suppress

from clusters.core.values import Rule, SecurityGroup
from clusters.providers.aws import places, reading
from clusters.providers.aws.client import READ_SECONDS, Aws, Clients, Json, in_filters
from clusters.providers.base import NameTaken, NotFound, refuse_if_used

ALL_PORTS = (0, 65535)
#: A rule as EC2 keeps it: protocol, first and last port, kind of source, source.
Key = tuple[str, int, int, str, str]
#: Ids of security groups by their ids or names.
Ids = Callable[[builtins.list[str]], builtins.list[str]]


class SecurityGroups:
    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def list(self, account: str, region: str) -> builtins.list[SecurityGroup]:
        aws = self._clients.at(account, region, seconds=READ_SECONDS)
        groups = aws.pages("ec2", "describe_security_groups", "SecurityGroups")
        names = {group["GroupId"]: group["GroupName"] for group in groups}
        return [_value(aws, group, names) for group in groups]

    def upsert(
        self, account: str, region: str, name: str, rules: tuple[Rule, ...], description: str = ""
    ) -> SecurityGroup:
        """A group that exists keeps its description: EC2 never changes one. What is missing is allowed first."""
        aws = self._clients.at(account, region)
        vpc = places.vpc_id(aws)
        group = _find(aws, name, vpc) or _create(aws, name, vpc, description)
        wanted = set(_keys(rules, lambda names: places.security_group_ids(aws, names, vpc)))
        present = set(_present(group))
        for operation, keys in (("authorize", wanted - present), ("revoke", present - wanted)):
            if keys:
                permissions = [_permission(key) for key in sorted(keys)]
                which = {"GroupId": group["GroupId"], "IpPermissions": permissions}
                with suppress(NameTaken, NotFound):  # by an attempt that was slower than its time-out
                    aws.do("ec2", f"{operation}_security_group_ingress", **which)
        return _again(aws, group["GroupId"], rules)

    def delete(self, account: str, region: str, name: str) -> None:
        """EC2 sees who uses it now; what only a launch template names would break at the next launch."""
        aws = self._clients.at(account, region)
        group = _find(aws, name, places.vpc_id(aws))
        if group is None:
            return
        groups = reading.raw_groups(aws)
        templates, configurations = reading.templates(aws, groups), reading.configurations(aws, groups)
        users = [
            f"server group {user['AutoScalingGroupName']}"
            for user in groups
            if group["GroupId"] in reading.security_groups_of(reading.launch_data(user, templates, configurations))
        ]
        refuse_if_used(f"security group {name}", [*users, *_other_users(aws, group["GroupId"])])
        with suppress(NotFound):
            aws.do("ec2", "delete_security_group", GroupId=group["GroupId"])


def _other_users(aws: Aws, group_id: str) -> Iterator[str]:
    """EC2 would refuse as well, without a word on who they are."""
    for balancer in aws.pages("elbv2", "describe_load_balancers", "LoadBalancers"):
        if group_id in balancer.get("SecurityGroups", []):
            yield f"load balancer {balancer['LoadBalancerName']}"
    for balancer in aws.pages("elb", "describe_load_balancers", "LoadBalancerDescriptions"):
        if group_id in balancer.get("SecurityGroups", []):
            yield f"load balancer {balancer['LoadBalancerName']}"
    filters = in_filters("ip-permission.group-id", [group_id])
    for group in aws.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=filters):
        if group["GroupId"] != group_id:
            yield f"security group {group['GroupName']}"


def _find(aws: Aws, name: str, vpc: str) -> Json | None:
    filters = in_filters("group-name", [name]) + in_filters("vpc-id", [vpc])
    return next(iter(aws.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=filters)), None)


def _create(aws: Aws, name: str, vpc: str, description: str) -> Json:
    try:
        made = aws.do("ec2", "create_security_group", GroupName=name, Description=description or name, VpcId=vpc)
    except NameTaken:
        if found := _find(aws, name, vpc):
            return found
        raise
    return {"GroupId": made["GroupId"], "IpPermissions": []}


def _again(aws: Aws, group_id: str, rules: tuple[Rule, ...]) -> SecurityGroup:
    """As it is now, its rules in the order they were given."""
    groups = aws.read("ec2", "describe_security_groups", GroupIds=[group_id])["SecurityGroups"]
    names = places.security_group_names(aws, {key[4] for key in _present(groups[0]) if key[3] == "group"})
    value = _value(aws, groups[0], names)
    order = {rule: number for number, rule in enumerate(rules)}
    ordered = tuple(sorted(value.rules, key=lambda rule: order.get(rule, len(order))))
    return SecurityGroup(value.account, value.region, value.id, value.name, value.description, ordered)


def _keys(rules: tuple[Rule, ...], ids: Ids) -> Iterator[Key]:
    for rule in rules:
        source = ("group", ids([rule.group])[0]) if rule.group else ("ipv6" if ":" in rule.cidr else "ipv4", rule.cidr)
        ports = rule.from_port, rule.to_port
        if rule.protocol == "all" and ports == ALL_PORTS:
            yield ("-1", *ALL_PORTS, *source)
        elif rule.protocol == "all":
            yield ("tcp", *ports, *source)
            yield ("udp", *ports, *source)
        else:
            yield (rule.protocol, *ports, *source)


def _present(group: Json) -> Iterator[Key]:
    for permission in group.get("IpPermissions", []):
        protocol = permission["IpProtocol"]
        if protocol not in ("tcp", "udp", "-1"):
            continue
        ports = ALL_PORTS if protocol == "-1" else (permission["FromPort"], permission["ToPort"])
        for source in _sources(permission):
            yield (protocol, *ports, *source)


def _sources(permission: Json) -> Iterator[tuple[str, str]]:
    for found in permission.get("IpRanges", []):
        yield "ipv4", found["CidrIp"]
    for found in permission.get("Ipv6Ranges", []):
        yield "ipv6", found["CidrIpv6"]
    for found in permission.get("UserIdGroupPairs", []):
        if found.get("GroupId"):
            yield "group", found["GroupId"]


def _permission(key: Key) -> Json:
    protocol, first, last, kind, source = key
    sources: Json = {
        "ipv4": {"IpRanges": [{"CidrIp": source}]},
        "ipv6": {"Ipv6Ranges": [{"CidrIpv6": source}]},
        "group": {"UserIdGroupPairs": [{"GroupId": source}]},
    }
    ports = {} if protocol == "-1" else {"FromPort": first, "ToPort": last}
    return {"IpProtocol": protocol, **ports, **sources[kind]}


def _value(aws: Aws, group: Json, names: dict[str, str]) -> SecurityGroup:
    return SecurityGroup(
        account=aws.account,
        region=aws.region,
        id=group["GroupId"],
        name=group["GroupName"],
        description=group.get("Description", ""),
        rules=_rules(sorted(_present(group)), names),
    )


def _rules(keys: builtins.list[Key], names: dict[str, str]) -> tuple[Rule, ...]:
    """A TCP and a UDP rule that are otherwise the same are one for all protocols."""
    known = set(keys)
    rules = []
    for protocol, first, last, kind, source in keys:
        twin = {"tcp": "udp", "udp": "tcp"}.get(protocol, "")
        is_both = (twin, first, last, kind, source) in known
        if is_both and protocol == "udp":
            continue
        said = "all" if is_both or protocol == "-1" else protocol
        where = {"group": names.get(source, source), "cidr": ""} if kind == "group" else {"cidr": source}
        rules.append(Rule(from_port=first, to_port=last, protocol=said, **where))
    return tuple(rules)
