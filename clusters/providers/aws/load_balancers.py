"""Load balancers: what we make is an application (HTTP) or network (TCP) load balancer and one target group, to which
all its listeners lead, both of one name. Others' are reported as they are: one for each target group, and classic ones.
"""

from __future__ import annotations

import builtins
import math
from contextlib import suppress
from dataclasses import dataclass, field

from clusters.core.values import HealthCheck, HealthReport, Listener, LoadBalancer, LoadBalancerRequest
from clusters.providers.aws import health, places, reading
from clusters.providers.aws.client import Aws, Clients, Json
from clusters.providers.base import InvalidRequest, NotFound, refuse_if_used

_TYPES = {"HTTP": "application", "TCP": "network"}
#: What AWS takes: seconds between checks, seconds for an answer, answers in a row.
_INTERVAL, _TIMEOUT, _THRESHOLD = (5, 300), (2, 120), (2, 10)


@dataclass
class Found:
    """One load balancer as AWS has it; one whose target group hangs in the air has no `balancer` and no `listeners`."""

    target_group: Json
    balancer: Json | None = None
    listeners: builtins.list[Json] = field(default_factory=list)


class LoadBalancers:
    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def list(self, account: str, region: str) -> builtins.list[LoadBalancer]:
        aws = self._clients.for_inventory(account, region)
        groups = aws.pages("elbv2", "describe_target_groups", "TargetGroups")
        found = _found(aws, groups)
        names = {group["TargetGroupName"] for group in groups}
        classic = aws.pages("elb", "describe_load_balancers", "LoadBalancerDescriptions")
        firewalls = places.security_group_names(aws, _firewalls(found) | _firewalls_of_classic(classic))
        return [_value(aws, one, firewalls) for one in found] + [
            _classic_value(aws, one, firewalls) for one in classic if one["LoadBalancerName"] not in names
        ]

    def get(self, account: str, region: str, name: str) -> LoadBalancer:
        return _get(self._clients.at(account, region), name)

    def upsert(self, account: str, request: LoadBalancerRequest) -> LoadBalancer:
        """Each part is made when it is missing and changed when it is there, so an attempt goes on where one ended."""
        aws = self._clients.at(account, request.region)
        check = _checked(request.health_check)
        existing = _find(aws, request.name)
        if existing is None and _classic(aws, request.name):
            raise InvalidRequest(f"{request.name} is a classic load balancer, which is only shown", field="name")
        balancer = existing.balancer if existing and existing.balancer else _balancer_named(aws, request.name)
        listener = _with_port(request.listener, existing)
        listeners = (listener, *request.more_listeners)
        if balancer and balancer["Type"] != _TYPES[listener.protocol]:
            words = f"{request.name} is a load balancer of type {balancer['Type']}, which cannot become another"
            raise InvalidRequest(words, field="listener.protocol")
        balancer = _upsert_balancer(aws, request, listener, balancer)
        arn = _upsert_target_group(aws, request.name, listener, check, existing, balancer["VpcId"])
        _upsert_listeners(aws, listeners, balancer["LoadBalancerArn"], arn)
        return _get(aws, request.name)

    def delete(self, account: str, region: str, name: str) -> None:
        """The target group goes before its load balancer, so that what is cut short is found again by it."""
        aws = self._clients.at(account, region)
        existing = _find(aws, name)
        if existing is None:
            if _classic(aws, name):
                raise InvalidRequest(f"{name} is a classic load balancer, which is only shown", field="name")
            balancer = _balancer_named(aws, name)
            if balancer and balancer.get("LoadBalancerName") == name and not _listeners(aws, balancer):
                aws.do("elbv2", "delete_load_balancer", LoadBalancerArn=balancer["LoadBalancerArn"])
            return
        arn = existing.target_group["TargetGroupArn"]
        users = [
            f"server group {group['AutoScalingGroupName']}"
            for group in reading.raw_groups(aws)
            if arn in group.get("TargetGroupARNs", [])
        ]
        refuse_if_used(f"load balancer {name}", users)
        for listener in existing.listeners:
            with suppress(NotFound):
                aws.do("elbv2", "delete_listener", ListenerArn=listener["ListenerArn"])
        with suppress(NotFound):
            aws.do("elbv2", "delete_target_group", TargetGroupArn=arn)
        if existing.balancer and existing.balancer["LoadBalancerName"] == name:
            with suppress(NotFound):
                aws.do("elbv2", "delete_load_balancer", LoadBalancerArn=existing.balancer["LoadBalancerArn"])


def _get(aws: Aws, name: str) -> LoadBalancer:
    found = _find(aws, name)
    if found:
        return _value(aws, found, places.security_group_names(aws, _firewalls([found])))
    for classic in _classic(aws, name):
        return _classic_value(aws, classic, places.security_group_names(aws, _firewalls_of_classic([classic])))
    raise NotFound(f"load balancer {name} does not exist in {aws.region}")


def _find(aws: Aws, name: str) -> Found | None:
    try:
        groups = aws.read("elbv2", "describe_target_groups", Names=[name])["TargetGroups"]
    except NotFound:
        return None
    return next(iter(_found(aws, groups)), None)


def _found(aws: Aws, groups: builtins.list[Json]) -> builtins.list[Found]:
    """With the load balancer and listener of each; listeners have to be asked for by load balancer."""
    if not groups:
        return []
    balancers = {
        balancer["LoadBalancerArn"]: balancer
        for balancer in aws.pages("elbv2", "describe_load_balancers", "LoadBalancers")
    }
    used = {arn for group in groups for arn in group.get("LoadBalancerArns", []) if arn in balancers}
    listeners = {arn: _listeners(aws, balancers[arn]) for arn in used}
    found = []
    for group in groups:
        own = [arn for arn in group.get("LoadBalancerArns", []) if arn in balancers]
        balancer = balancers[own[0]] if own else None
        candidates = listeners[own[0]] if own else []
        to_it = [listener for listener in candidates if group["TargetGroupArn"] in _targets(listener)]
        found.append(Found(group, balancer, to_it or candidates[:1]))
    return found


def _targets(listener: Json) -> builtins.list[str]:
    return [action.get("TargetGroupArn", "") for action in listener.get("DefaultActions", [])]


def _listeners(aws: Aws, balancer: Json) -> builtins.list[Json]:
    arn = balancer["LoadBalancerArn"]
    try:
        found: builtins.list[Json] = aws.pages("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn)
    except NotFound:
        return []
    return found


def _balancer_named(aws: Aws, name: str) -> Json | None:
    try:
        found = aws.read("elbv2", "describe_load_balancers", Names=[name])["LoadBalancers"]
    except NotFound:
        return None
    return next(iter(found), None)


def _classic(aws: Aws, name: str) -> builtins.list[Json]:
    try:
        found = aws.read("elb", "describe_load_balancers", LoadBalancerNames=[name])
    except NotFound:
        return []
    return list(found["LoadBalancerDescriptions"])


def _with_port(listener: Listener, existing: Found | None) -> Listener:
    """Port 0 keeps the port there is; a new one gets 80."""
    kept = existing.listeners[0]["Port"] if existing and existing.listeners else 80
    return Listener(listener.port or kept, listener.protocol)


def _checked(check: HealthCheck) -> HealthCheck:
    """As AWS can do it: whole seconds, not too often; what is reported is what it does."""
    if not check.is_enabled:
        raise InvalidRequest("AWS always checks the health of instances; ask by TCP instead", field="healthCheck")
    interval = _within(check.interval, _INTERVAL)
    return HealthCheck(
        check.protocol,
        check.path,
        interval,
        min(_within(check.timeout, _TIMEOUT), interval - 1),
        _within(check.healthy_threshold, _THRESHOLD),
        _within(check.unhealthy_threshold, _THRESHOLD),
    )


def _within(value: float, bounds: tuple[int, int]) -> int:
    return min(max(math.ceil(value), bounds[0]), bounds[1])


def _upsert_balancer(aws: Aws, request: LoadBalancerRequest, listener: Listener, existing: Json | None) -> Json:
    is_application = listener.protocol == "HTTP"
    if existing:
        wanted = places.security_group_ids(aws, request.security_groups or ("default",), existing["VpcId"])
        arn = existing["LoadBalancerArn"]
        if set(wanted) != set(existing.get("SecurityGroups", [])) and (is_application or request.security_groups):
            aws.do("elbv2", "set_security_groups", LoadBalancerArn=arn, SecurityGroups=wanted)
        if request.zones and set(request.zones) != _zones(existing):
            subnets = list(_network(aws, request.zones).subnet_ids)
            aws.do("elbv2", "set_subnets", LoadBalancerArn=arn, Subnets=subnets)
        return existing
    network = _network(aws, request.zones)
    wanted = places.security_group_ids(aws, request.security_groups or ("default",), network.vpc_id)
    firewalls = {"SecurityGroups": wanted} if is_application or request.security_groups else {}
    made = aws.do(
        "elbv2",
        "create_load_balancer",
        Name=request.name,
        Type=_TYPES[listener.protocol],
        Scheme=aws.config.load_balancer_scheme,
        Subnets=list(network.subnet_ids),
        **firewalls,
    )
    return dict(made["LoadBalancers"][0])


def _network(aws: Aws, zones: tuple[str, ...]) -> places.Network:
    """With a subnet in each of the zones, when there are any."""
    network = places.network(aws, purpose=aws.config.load_balancer_subnet_type, zones=zones, target="elb")
    if missing := set(zones) - network.zones:
        words = f"there is no subnet for load balancers of account {aws.account} in {min(missing)}"
        raise InvalidRequest(words, field="availabilityZones")
    return network


def _upsert_target_group(
    aws: Aws, name: str, listener: Listener, check: HealthCheck, existing: Found | None, vpc: str
) -> str:
    asked = {
        "HealthCheckProtocol": check.protocol,
        "HealthCheckIntervalSeconds": int(check.interval),
        "HealthCheckTimeoutSeconds": int(check.timeout),
        "HealthyThresholdCount": check.healthy_threshold,
        "UnhealthyThresholdCount": check.unhealthy_threshold,
        **({"HealthCheckPath": check.path} if check.protocol == "HTTP" else {}),
    }
    if existing:
        arn = str(existing.target_group["TargetGroupArn"])
        aws.do("elbv2", "modify_target_group", TargetGroupArn=arn, **asked)
        return arn
    port = aws.config.instance_port or listener.port
    fixed = {"Name": name, "Protocol": listener.protocol, "Port": port, "VpcId": vpc, "TargetType": "instance"}
    return str(aws.do("elbv2", "create_target_group", **fixed, **asked)["TargetGroups"][0]["TargetGroupArn"])


def _upsert_listeners(aws: Aws, wanted: tuple[Listener, ...], balancer_arn: str, target_arn: str) -> None:
    """New ones come before the old ones go. One with TLS stays what it is."""
    actions = [{"Type": "forward", "TargetGroupArn": target_arn}]
    present = aws.pages("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=balancer_arn)
    leads = {listener["Port"]: target_arn in _targets(listener) for listener in present}
    for listener in wanted:
        if not leads.get(listener.port, True):
            raise InvalidRequest(f"port {listener.port} leads to something else there", field="listener.port")
        if listener.port not in leads:
            asked = {"Port": listener.port, "Protocol": listener.protocol}
            aws.do("elbv2", "create_listener", LoadBalancerArn=balancer_arn, DefaultActions=actions, **asked)
    for former in present:
        if target_arn in _targets(former) and former["Port"] not in {listener.port for listener in wanted}:
            with suppress(NotFound):
                aws.do("elbv2", "delete_listener", ListenerArn=former["ListenerArn"])


def _firewalls(found: builtins.list[Found]) -> set[str]:
    return {key for one in found if one.balancer for key in one.balancer.get("SecurityGroups", [])}


def _firewalls_of_classic(balancers: builtins.list[Json]) -> set[str]:
    return {key for balancer in balancers for key in balancer.get("SecurityGroups", [])}


def _value(aws: Aws, found: Found, firewalls: dict[str, str]) -> LoadBalancer:
    group, balancer = found.target_group, found.balancer or {}
    name = group["TargetGroupName"]
    first, *more = [_listener(one) for one in found.listeners] or [_listener(group)]
    members = reading.target_health(aws, group["TargetGroupArn"])
    created = balancer.get("CreatedTime")
    return LoadBalancer(
        account=aws.account,
        region=aws.region,
        name=name,
        listener=first,
        health_check=_check_of(group),
        security_groups=tuple(firewalls[key] for key in balancer.get("SecurityGroups", [])),
        address=f"{balancer['DNSName']}:{first.port}" if balancer.get("DNSName") else "",
        members=tuple((key, health.of_target(name, told)) for key, told in members.items()),
        created_at=reading.aware(created) if created else None,
        more_listeners=tuple(more),
        zones=tuple(sorted(_zones(balancer))),
    )


def _listener(told: Json) -> Listener:
    """`told` is a listener, or a target group that none leads to."""
    return Listener(int(told.get("Port") or 0), _plain(told.get("Protocol")))


def _zones(balancer: Json) -> set[str]:
    return {zone["ZoneName"] for zone in balancer.get("AvailabilityZones", [])}


def _plain(protocol: str | None) -> str:
    """As the contract calls it: with or without TLS is one."""
    return "HTTP" if (protocol or "").startswith("HTTP") else "TCP"


def _check_of(group: Json) -> HealthCheck:
    protocol = _plain(group.get("HealthCheckProtocol"))
    return HealthCheck(
        protocol,
        group.get("HealthCheckPath") or "/",
        float(group.get("HealthCheckIntervalSeconds", 30)),
        float(group.get("HealthCheckTimeoutSeconds", 10)),
        int(group.get("HealthyThresholdCount", 5)),
        int(group.get("UnhealthyThresholdCount", 2)),
        bool(group.get("HealthCheckEnabled", True)),
    )


def _classic_value(aws: Aws, balancer: Json, firewalls: dict[str, str]) -> LoadBalancer:
    name = balancer["LoadBalancerName"]
    first, *more = [
        Listener(int(one["Listener"].get("LoadBalancerPort") or 0), _plain(one["Listener"].get("Protocol")))
        for one in balancer.get("ListenerDescriptions", [])
    ] or [Listener(0)]
    check = balancer.get("HealthCheck") or {}
    protocol, _, rest = str(check.get("Target", "TCP:80")).partition(":")
    members: builtins.list[tuple[str, HealthReport]] = [
        (key, health.of_classic(name, told)) for key, told in reading.classic_health(aws, name).items()
    ]
    return LoadBalancer(
        account=aws.account,
        region=aws.region,
        name=name,
        listener=first,
        health_check=HealthCheck(
            _plain(protocol),
            f"/{rest.partition('/')[2]}",
            float(check.get("Interval", 30)),
            float(check.get("Timeout", 5)),
            int(check.get("HealthyThreshold", 10)),
            int(check.get("UnhealthyThreshold", 2)),
        ),
        security_groups=tuple(firewalls[key] for key in balancer.get("SecurityGroups", [])),
        address=f"{balancer.get('DNSName', '')}:{first.port}",
        members=tuple(members),
        created_at=reading.aware(balancer["CreatedTime"]) if balancer.get("CreatedTime") else None,
        more_listeners=tuple(more),
        zones=tuple(sorted(balancer.get("AvailabilityZones", []))),
    )
