"""What the agent remembers beyond the contract's values. Images, packages and security groups are kept as they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clusters.core.values import (
    BakeRequest,
    BakeState,
    Capacity,
    HealthCheck,
    Image,
    Listener,
    LoadBalancerRequest,
    Process,
    ServerGroupRequest,
)
from clusters.providers.local import ZONES


def path_key(account: str, region: str, name: str) -> str:
    """The key of what has a name in an account and region. Names hold no slash."""
    return f"{account}/{region}/{name}"


@dataclass(frozen=True, slots=True)
class Group:
    """A server group. `request` holds what never changes; `id` names its folder, `uid` is the user of its instances."""

    id: str
    uid: int
    account: str
    request: ServerGroupRequest
    token: str
    image: Image
    capacity: Capacity
    suspended: frozenset[str]
    created_at: datetime
    is_being_destroyed: bool = False

    @property
    def key(self) -> str:
        return path_key(self.account, self.request.region, self.request.name)

    @property
    def balancer_keys(self) -> tuple[str, ...]:
        return tuple(path_key(self.account, self.request.region, name) for name in self.request.load_balancers)

    @property
    def zones(self) -> tuple[str, ...]:
        return self.request.zones or ZONES

    def runs(self, process: Process) -> bool:
        return process not in self.suspended


@dataclass(frozen=True, slots=True)
class Patch:
    """A package to be laid over an image; `sha256` names its archive."""

    package: str
    version: str
    sha256: str
    token: str


@dataclass(frozen=True, slots=True)
class Server:
    """An instance. `is_registered`: its load balancers should send traffic, but for those it has `left`, by name.

    `is_leaving`: it drains, stops and goes; `is_rebooting`: it drains, stops and is started again, then with all its
    `patches` in the order they came.
    """

    id: str
    group: str
    port: int
    launched_at: datetime
    is_registered: bool
    is_leaving: bool = False
    left: frozenset[str] = frozenset()
    is_rebooting: bool = False
    patches: tuple[Patch, ...] = ()
    started_with: tuple[Patch, ...] = ()
    zone: str = ZONES[0]

    @property
    def patched(self) -> dict[str, str]:
        """What it runs now beside its image: version by package."""
        return {patch.package: patch.version for patch in self.started_with}

    def serves(self, balancer: Balancer) -> bool:
        """Whether the load balancer should send it traffic."""
        is_in = self.is_registered and balancer.request.name not in self.left and self.zone in balancer.zones
        return is_in and not (self.is_leaving or self.is_rebooting)


@dataclass(frozen=True, slots=True)
class Balancer:
    """A load balancer; its listeners have real ports. `number` names it in HAProxy."""

    number: int
    account: str
    request: LoadBalancerRequest
    created_at: datetime

    @property
    def key(self) -> str:
        return path_key(self.account, self.request.region, self.request.name)

    @property
    def backend(self) -> str:
        return f"lb{self.number}"

    @property
    def listeners(self) -> tuple[Listener, ...]:
        return self.request.listeners

    @property
    def protocol(self) -> str:
        """Of all its listeners."""
        return self.request.listener.protocol

    @property
    def zones(self) -> tuple[str, ...]:
        return self.request.zones or ZONES

    @property
    def check(self) -> HealthCheck:
        return self.request.health_check


@dataclass(frozen=True, slots=True)
class Baking:
    """A bake by its token; `image_id` when it is completed, `message` when it failed."""

    id: str
    account: str
    request: BakeRequest
    state: BakeState
    image_id: str = ""
    was_baked_before: bool = False
    message: str = ""
