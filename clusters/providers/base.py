"""The contract every cloud keeps: the CloudProvider protocol and its errors.

A provider takes and returns values (clusters.core.values), never rows. Every mutating call is safe to repeat with the
same token: at most one resource comes of it, and `find`-style reads tell after a crash whether it happened. No mutating
call lasts longer than CALL_SECONDS; longer work is started by one call and followed by reads (an upload lasts as
long as its bytes take). `account` is its name. tests/contracts/test_cloud_provider.py is this text as a suite.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO, Protocol

from clusters.core import values
from clusters.core.scaling import ScalingPolicy, ScheduledAction

#: Longest a mutating call may take: connect and read together. An engine lease outlives it.
CALL_SECONDS = 6.0

#: Tag under which a server group remembers the token of the step that made it.
TOKEN_TAG = "spinnaker-step-token"  # noqa: S105


#: Users of a resource that an error names; of the others it says how many.
MOST_NAMED = 20

#: What a bake writes on its image; nobody changes it afterwards.
BUILT_IN_TAGS = frozenset({"appversion", "base_ami_version", "build_host", "creation_time", "creator", "sha256"})


class ProviderError(Exception):
    """The cloud refused or failed. `is_retryable` says whether the same call may work later."""

    is_retryable = False

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class NotFound(ProviderError):
    """What the call is about does not exist (any more)."""


class NameTaken(ProviderError):
    """The name belongs to a resource that another token made."""


class InvalidRequest(ProviderError):
    """The cloud would never accept this; `field` names what is wrong."""


class Conflict(ProviderError):
    """The resource is in a state in which this cannot be done (in use, being destroyed)."""


class Unavailable(ProviderError):
    """No answer, or an answer that blames the cloud: whether it was done is unknown."""

    is_retryable = True


class Throttled(ProviderError):
    """Too many calls; nothing was done."""

    is_retryable = True


def check_processes(known: frozenset[values.Process], wanted: Iterable[str], field: str) -> None:
    """Raises InvalidRequest for one that a cloud with the `known` ones does not have."""
    for name in sorted(wanted):
        if name not in known:
            raise InvalidRequest(f"there is no process {name!r} here, only {', '.join(sorted(known))}", field=field)


def refuse_if_used(what: str, users: Sequence[str]) -> None:
    """Raises Conflict that says by whom."""
    if users:
        more = f" and {len(users) - MOST_NAMED} more" if len(users) > MOST_NAMED else ""
        raise Conflict(f"{what} is used by {', '.join(users[:MOST_NAMED])}{more}")


class ServerGroups(Protocol):
    """Create waits for nothing: the group exists when it returns, its instances come up later."""

    def list(self, account: str, region: str) -> list[values.ServerGroup]: ...

    def changes(self, account: str, region: str, marks: Mapping[str, str]) -> values.Changes:
        """All with a mark each, and in full those whose mark is not the one that `marks` has by their name.

        A group whose mark is the same is as it was, but perhaps for its scaling and the health of its instances. A
        cloud may tell more than has changed; with no marks it tells all, and has longer for it than `list`.
        """

    def get(self, account: str, region: str, name: str) -> values.ServerGroup:
        """Raises NotFound."""

    def create(self, account: str, request: values.ServerGroupRequest, token: str) -> values.ServerGroup:
        """Same name and token: the group that is there. Same name, other token: NameTaken.

        Raises InvalidRequest when image, load balancer, security group, region or suspended process does not exist.
        Its instances are spread over the request's zones. Raises InvalidRequest when image, load balancer, security
        group, region or zone does not exist.
        """

    def resize(self, account: str, region: str, name: str, capacity: values.Capacity) -> None:
        """Absolute, so repeating is harmless. Raises NotFound."""

    def disable(self, account: str, region: str, name: str) -> None:
        """Suspend DISABLED_PROCESSES and drain every instance from its load balancers. Raises NotFound."""

    def enable(self, account: str, region: str, name: str) -> None:
        """The reverse of disable. Raises NotFound."""

    def suspend(self, account: str, region: str, name: str, processes: frozenset[str]) -> None:
        """Raises NotFound; InvalidRequest (field "processes") for a process that the cloud does not have."""

    def resume(self, account: str, region: str, name: str, processes: frozenset[str]) -> None: ...

    def put_policy(self, account: str, region: str, name: str, policy: ScalingPolicy) -> None:
        """Create the scaling policy of its name with its alarms, or make them so; alarms not named stay.

        Raises NotFound, Conflict; NameTaken for an alarm that belongs to something else; InvalidRequest, always where
        the cloud has no scaling of its own (`has_scaling`). So do the next two.
        """

    def delete_policy(self, account: str, region: str, name: str, policy: str) -> None:
        """With the alarms that do nothing else. A policy that is gone is fine."""

    def set_schedule(self, account: str, region: str, name: str, actions: tuple[ScheduledAction, ...]) -> None:
        """Absolute: scheduled actions that are not among them are deleted."""

    def blueprint(self, account: str, region: str, name: str) -> values.ServerGroupRequest:
        """The request that would make its like under the same name, at its present capacity: what a clone starts from.

        Without the token's tag, and without processes that were suspended later. Raises NotFound.
        """

    def destroy(self, account: str, region: str, name: str) -> None:
        """Start the end of the group and its instances; one that is gone already is fine."""


class Instances(Protocol):
    def terminate(self, account: str, region: str, instance_id: str) -> None:
        """End one instance; its group replaces it unless Launch is suspended. Gone already is fine."""

    def reboot(self, account: str, region: str, instance_id: str) -> None:
        """Restart in place: it keeps its id, and its load balancers drain it first where the cloud can.

        Again restarts again; one under way is not disturbed. Raises NotFound.
        """

    def patch(self, account: str, region: str, instance_id: str, package: str, version: str, token: str) -> None:
        """Start laying the package over what the instance runs, which restarts it in place as `reboot` does.

        Its `patched` says when that is done, its `failed_patches` when it cannot be. Same token: once. Raises NotFound;
        InvalidRequest when a package of ours does not exist or the cloud cannot do this (`can_patch`); Conflict while
        it is being ended.
        """

    def register(self, account: str, region: str, load_balancer: str, instance_ids: tuple[str, ...]) -> None:
        """Have one load balancer send them traffic, also where their group is disabled. Absolute: repeating is fine.

        Raises NotFound for an instance, InvalidRequest for a load balancer that does not exist.
        """

    def deregister(self, account: str, region: str, load_balancer: str, instance_ids: tuple[str, ...]) -> None:
        """Drain them from one load balancer; others go on, and enabling the group registers them again.

        An instance or a load balancer that is gone is fine.
        """

    def log(self, account: str, region: str, instance_id: str) -> str:
        """The last 64 KiB of what the instance printed. Raises NotFound."""


class Images(Protocol):
    def list(self, account: str, region: str) -> list[values.Image]: ...

    def get(self, account: str, region: str, image_id: str) -> values.Image:
        """Raises NotFound."""

    def tag(self, account: str, region: str, image_id: str, tags: dict[str, str]) -> None:
        """Add tags, or change those of the same key; others stay. Absolute: repeating is fine.

        Raises NotFound, InvalidRequest (field "tags") for one of BUILT_IN_TAGS or one the cloud does not take.
        """

    def start_bake(self, account: str, request: values.BakeRequest, token: str) -> values.Bake:
        """Same token: the same bake. Equal request baked before and not `rebake`: COMPLETED at once.

        Raises InvalidRequest when the package or version does not exist.
        """

    def bake(self, account: str, region: str, bake_id: str) -> values.Bake:
        """How a started bake stands. Raises NotFound."""


class LoadBalancers(Protocol):
    def list(self, account: str, region: str) -> list[values.LoadBalancer]: ...

    def get(self, account: str, region: str, name: str) -> values.LoadBalancer:
        """Raises NotFound."""

    def upsert(self, account: str, request: values.LoadBalancerRequest) -> values.LoadBalancer:
        """Create, or change in place without dropping traffic; what is not among its listeners ends.

        Raises InvalidRequest, field "availabilityZones" for a zone that the region lacks.
        """

    def delete(self, account: str, region: str, name: str) -> None:
        """Gone already is fine; Conflict while a server group uses it."""


class SecurityGroups(Protocol):
    def list(self, account: str, region: str) -> list[values.SecurityGroup]: ...

    def upsert(
        self, account: str, region: str, name: str, rules: tuple[values.Rule, ...], description: str = ""
    ) -> values.SecurityGroup: ...

    def delete(self, account: str, region: str, name: str) -> None:
        """Gone already is fine; Conflict while something uses it."""


class Packages(Protocol):
    """Only where the provider keeps packages itself (`has_packages`)."""

    def list(self) -> list[values.Package]: ...

    def put(self, name: str, version: str, archive: BinaryIO) -> values.Package:
        """Same bytes again: the same package. Other bytes under a taken version: NameTaken.

        Raises InvalidRequest when the archive is not a valid package (docs/packages.md).
        """


#: The attributes of a CloudProvider that are called.
PARTS = ("server_groups", "instances", "images", "load_balancers", "security_groups", "packages")


class CloudProvider(Protocol):
    """One cloud. `key` is what pipelines call it (`cloudProvider`)."""

    key: str
    label: str
    has_packages: bool
    #: How long to leave a region alone, at least, after all of one kind there was read.
    pause_seconds: float
    #: Whether `instances.patch` works.
    can_patch: bool
    #: Those its server groups have, which can be suspended.
    processes: frozenset[values.Process]
    #: Whether server groups can change their size by themselves.
    has_scaling: bool
    server_groups: ServerGroups
    instances: Instances
    images: Images
    load_balancers: LoadBalancers
    security_groups: SecurityGroups
    packages: Packages

    def regions(self, account: str) -> list[str]: ...

    def zones(self, account: str, region: str) -> list[str]:
        """The availability zones of a region. Raises ProviderError."""

    def check_account(self, regions: list[str], config: dict[str, Any]) -> None:
        """What its row says makes sense, before it is saved. Raises InvalidValue, field "regions" or "config…"."""
