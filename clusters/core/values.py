"""What a provider reports and accepts: frozen values, the same for every cloud.

Instants are aware datetimes in UTC, durations are seconds, capacities are numbers of instances.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from clusters.core.scaling import Scaling


class InvalidValue(ValueError):
    """A value that no provider could accept; `field` is the dotted path of the offending field."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class Health(StrEnum):
    """The health states Spinnaker knows (domain: HealthState)."""

    UP = "Up"
    DOWN = "Down"
    STARTING = "Starting"
    OUT_OF_SERVICE = "OutOfService"
    DRAINING = "Draining"
    UNKNOWN = "Unknown"


class Process(StrEnum):
    """Scaling processes of a server group that can be suspended."""

    LAUNCH = "Launch"
    TERMINATE = "Terminate"
    HEALTH_CHECK = "HealthCheck"
    REPLACE_UNHEALTHY = "ReplaceUnhealthy"
    ADD_TO_LOAD_BALANCER = "AddToLoadBalancer"
    ALARM_NOTIFICATION = "AlarmNotification"
    AZ_REBALANCE = "AZRebalance"
    SCHEDULED_ACTIONS = "ScheduledActions"


#: A server group is disabled exactly when AddToLoadBalancer is among its suspended processes.
DISABLED_PROCESSES = frozenset({Process.LAUNCH, Process.TERMINATE, Process.ADD_TO_LOAD_BALANCER})


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many instances a server group may, should and must have: 0 <= min <= desired <= max."""

    min: int
    desired: int
    max: int

    def __post_init__(self) -> None:
        if self.min < 0:
            raise InvalidValue("capacity.min", f"{self.min} is below 0")
        if not self.min <= self.desired <= self.max:
            raise InvalidValue("capacity", f"min {self.min} <= desired {self.desired} <= max {self.max} does not hold")

    def as_json(self) -> dict[str, int]:
        return {"min": self.min, "desired": self.desired, "max": self.max}


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What one source says about an instance: `source` is "Platform" or "LoadBalancer"."""

    source: str
    health: Health
    reason: str = ""


def sum_up(reports: tuple[HealthReport, ...]) -> Health:
    """Up when a source says Up and none says otherwise (Unknown is no word against it); else the first that holds."""
    said = {report.health for report in reports}
    for health in (Health.STARTING, Health.DOWN, Health.OUT_OF_SERVICE, Health.DRAINING, Health.UP):
        if health in said:
            return health
    return Health.UNKNOWN


@dataclass(frozen=True, slots=True)
class Instance:
    """One running server. `reports` are in the provider's order; `health` sums them up."""

    id: str
    health: Health
    reports: tuple[HealthReport, ...] = ()
    zone: str = ""
    address: str = ""
    launched_at: datetime | None = None
    #: Packages laid over its image while it ran: version by name.
    patched: dict[str, str] = field(default_factory=dict)
    #: Packages whose last patch failed and left it running: what was said, by name.
    failed_patches: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServerGroup:
    """A group of like instances made from one image. `tags` hold the step token and who made it."""

    account: str
    region: str
    name: str
    capacity: Capacity
    image_id: str
    image_name: str
    created_at: datetime
    instances: tuple[Instance, ...] = ()
    load_balancers: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    suspended_processes: frozenset[str] = frozenset()
    tags: dict[str, str] = field(default_factory=dict)
    is_being_destroyed: bool = False
    scaling: Scaling = field(default_factory=Scaling)

    @property
    def is_disabled(self) -> bool:
        return Process.ADD_TO_LOAD_BALANCER in self.suspended_processes

    def count(self, health: Health) -> int:
        return sum(instance.health == health for instance in self.instances)

    @property
    def patches(self) -> dict[str, int]:
        """How many instances run each package that was laid over the image: {"shop 1.2": 3}; {} while it tells all."""
        return dict(Counter(" ".join(one) for instance in self.instances for one in sorted(instance.patched.items())))


@dataclass(frozen=True, slots=True)
class Changes:
    """`marks` of all server groups there are, by name, and `groups`: those that may not be as an older mark said."""

    groups: tuple[ServerGroup, ...]
    marks: dict[str, str]

    @classmethod
    def unmarked(cls, groups: Iterable[ServerGroup]) -> Changes:
        """All there are, from a cloud that can tell nothing of them without telling all."""
        every = tuple(groups)
        return cls(every, dict.fromkeys((group.name for group in every), ""))


@dataclass(frozen=True, slots=True)
class ServerGroupRequest:
    """What to create. `name` is the whole reserved name (app-stack-detail-vNNN)."""

    region: str
    name: str
    image_id: str
    capacity: Capacity
    load_balancers: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    suspended_processes: frozenset[str] = frozenset()
    health_check_grace_seconds: int = 600
    environment: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    #: Fields not every provider understands (AWS: instanceType, keyPair, …), as in the pipeline JSON.
    extra: dict[str, Any] = field(default_factory=dict)
    #: Only where the cloud has it (`has_scaling`).
    scaling: Scaling = field(default_factory=Scaling)

    @property
    def zones(self) -> tuple[str, ...]:
        """Those its instances are spread over; empty leaves that to the cloud."""
        return tuple((self.extra.get("availabilityZones") or {}).get(self.region) or ())


@dataclass(frozen=True, slots=True)
class Image:
    """Something server groups are launched from. `appversion` style facts live in `tags`."""

    account: str
    region: str
    id: str
    name: str
    created_at: datetime
    package: str = ""
    version: str = ""
    base: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BakeRequest:
    """One package in one version on one base, for one region. Equal requests give one image."""

    region: str
    package: str
    version: str
    base: str = ""
    name: str = ""
    rebake: bool = False
    extra: dict[str, str] = field(default_factory=dict)


class BakeState(StrEnum):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Bake:
    """A bake under way or ended. `image` is set when COMPLETED, `message` when FAILED."""

    id: str
    state: BakeState
    image: Image | None = None
    previously_baked: bool = False
    message: str = ""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How a load balancer decides that an instance serves. Seconds; thresholds are counts."""

    protocol: str = "HTTP"
    path: str = "/"
    interval: float = 1.0
    timeout: float = 1.0
    healthy_threshold: int = 1
    unhealthy_threshold: int = 2
    is_enabled: bool = True

    def __post_init__(self) -> None:
        if self.protocol not in ("HTTP", "TCP"):
            raise InvalidValue("healthCheck.protocol", f"{self.protocol!r} is not HTTP or TCP")
        if self.protocol == "HTTP" and not self.path.startswith("/"):
            raise InvalidValue("healthCheck.path", f"{self.path!r} does not start with /")
        for name in ("interval", "timeout"):
            if not 0.1 <= getattr(self, name) <= 300:
                raise InvalidValue(f"healthCheck.{name}", "is not between 0.1 and 300 seconds")
        for name in ("healthy_threshold", "unhealthy_threshold"):
            if not 1 <= getattr(self, name) <= 20:
                raise InvalidValue(f"healthCheck.{name}", "is not between 1 and 20")


@dataclass(frozen=True, slots=True)
class Listener:
    """Port 0 asks the local provider for a free port; what is reported is the real one."""

    port: int
    protocol: str = "HTTP"

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise InvalidValue("listener.port", f"{self.port} is not between 0 and 65535")
        if self.protocol not in ("HTTP", "TCP"):
            raise InvalidValue("listener.protocol", f"{self.protocol!r} is not HTTP or TCP")


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """`members` are instance ids with their state in this load balancer, `address` is host:port of `listener`.

    Instances of other zones than its `zones` get no traffic from it.
    """

    account: str
    region: str
    name: str
    listener: Listener
    health_check: HealthCheck
    security_groups: tuple[str, ...] = ()
    address: str = ""
    members: tuple[tuple[str, HealthReport], ...] = ()
    created_at: datetime | None = None
    more_listeners: tuple[Listener, ...] = ()
    zones: tuple[str, ...] = ()

    @property
    def listeners(self) -> tuple[Listener, ...]:
        return (self.listener, *self.more_listeners)


@dataclass(frozen=True, slots=True)
class LoadBalancerRequest:
    """All listeners lead to the same instances. No `zones` are all of the region, or those it has already."""

    region: str
    name: str
    listener: Listener
    health_check: HealthCheck = HealthCheck()
    security_groups: tuple[str, ...] = ()
    more_listeners: tuple[Listener, ...] = ()
    zones: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ports = [listener.port for listener in self.listeners]
        if 0 in ports[1:]:
            raise InvalidValue("listeners", "only the first may leave its port open")
        if twice := [port for port in ports if ports.count(port) > 1]:
            raise InvalidValue("listeners", f"port {twice[0]} is there twice")
        if len({listener.protocol for listener in self.listeners}) > 1:
            raise InvalidValue("listeners", "all listeners of a load balancer speak the same protocol")

    @property
    def listeners(self) -> tuple[Listener, ...]:
        return (self.listener, *self.more_listeners)


@dataclass(frozen=True, slots=True)
class Rule:
    """Lets `cidr`, or instances in the security group `group`, reach ports from_port..to_port (both inclusive)."""

    cidr: str
    from_port: int
    to_port: int
    protocol: str = "tcp"
    #: Name or id, instead of `cidr`.
    group: str = ""

    def __post_init__(self) -> None:
        self._check_source()
        if not 0 <= self.from_port <= self.to_port <= 65535:
            raise InvalidValue("rule.ports", f"{self.from_port}-{self.to_port} is not a port range")
        if self.protocol not in ("tcp", "udp", "all"):
            raise InvalidValue("rule.protocol", f"{self.protocol!r} is not tcp, udp or all")

    def _check_source(self) -> None:
        if self.group:
            if self.cidr:
                raise InvalidValue("rule.group", "excludes a cidr")
            return
        try:
            ipaddress.ip_network(self.cidr, strict=True)
        except ValueError as error:
            raise InvalidValue("rule.cidr", str(error)) from None
        if "%" in self.cidr:  # what follows would be the name of an interface, which may be any text
            raise InvalidValue("rule.cidr", f"{self.cidr!r} names an interface")


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """What is not allowed by a rule is refused. `id` equals `name` where the cloud has no ids."""

    account: str
    region: str
    id: str
    name: str
    description: str = ""
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Package:
    """An uploaded archive that a bake can turn into an image."""

    name: str
    version: str
    sha256: str
    size: int
    uploaded_at: datetime
