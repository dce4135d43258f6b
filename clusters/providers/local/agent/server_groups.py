"""Server groups as the contract says: each call changes a record and wakes the fleet."""

from __future__ import annotations

import builtins
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from clusters.core.scaling import ScalingPolicy, ScheduledAction
from clusters.core.values import DISABLED_PROCESSES, Capacity, Changes, Image, ServerGroup, ServerGroupRequest
from clusters.providers.base import Conflict, InvalidRequest, NameTaken, NotFound, Unavailable, check_processes
from clusters.providers.local import PROCESSES
from clusters.providers.local.agent.fleet import Fleet
from clusters.providers.local.agent.records import Group, path_key
from clusters.providers.local.agent.regions import check_region, check_zones
from clusters.providers.local.agent.store import Store
from clusters.trust.isolation import FIRST_UID, LAST_UID

LARGEST_GROUP = 100
#: A variable reaches its process in one text with all others, which the kernel limits to 128 KiB.
LARGEST_ENVIRONMENT = 64 * 1024

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~^-]{0,127}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class ServerGroups:
    """`refused` is why nothing may be started here, or empty."""

    def __init__(self, store: Store, fleet: Fleet, refused: str = "") -> None:
        self._refused = refused
        self._store = store
        self._fleet = fleet

    def list(self, account: str, region: str) -> builtins.list[ServerGroup]:
        view, servers = self._fleet.view(), self._store.servers.all()
        groups = [g for g in self._store.groups.all() if (g.account, g.request.region) == (account, region)]
        return [view.server_group(group, [s for s in servers if s.group == group.key]) for group in groups]

    def changes(self, account: str, region: str, marks: Mapping[str, str]) -> Changes:
        """All of it: it costs one call to a socket of this host."""
        return Changes.unmarked(self.list(account, region))

    def get(self, account: str, region: str, name: str) -> ServerGroup:
        return self._show(self._find(account, region, name))

    def create(self, account: str, request: ServerGroupRequest, token: str) -> ServerGroup:
        with self._store.change():
            group = self._store.groups.get(path_key(account, request.region, request.name))
            if group and group.token != token:
                raise NameTaken(f"server group {request.name} exists", field="name")
            if group is None and self._refused:
                raise Conflict(self._refused)
            if group is None:
                group = self._store.groups.put(self._new(account, request, token))
        self._fleet.wake()
        return self._show(group)

    def resize(self, account: str, region: str, name: str, capacity: Capacity) -> None:
        _check_size(capacity)
        self._change(account, region, name, lambda group: replace(group, capacity=capacity))

    def disable(self, account: str, region: str, name: str) -> None:
        with self._store.change():
            self.suspend(account, region, name, frozenset(DISABLED_PROCESSES))
            self._register(account, region, name, is_registered=False)

    def enable(self, account: str, region: str, name: str) -> None:
        with self._store.change():
            self.resume(account, region, name, frozenset(DISABLED_PROCESSES))
            self._register(account, region, name, is_registered=True)

    def suspend(self, account: str, region: str, name: str, processes: frozenset[str]) -> None:
        check_processes(PROCESSES, processes, "processes")
        self._change(account, region, name, lambda group: replace(group, suspended=group.suspended | processes))

    def resume(self, account: str, region: str, name: str, processes: frozenset[str]) -> None:
        self._change(account, region, name, lambda group: replace(group, suspended=group.suspended - processes))

    def put_policy(self, account: str, region: str, name: str, policy: ScalingPolicy) -> None:
        raise _no_scaling()

    def delete_policy(self, account: str, region: str, name: str, policy: str) -> None:
        raise _no_scaling()

    def set_schedule(self, account: str, region: str, name: str, actions: tuple[ScheduledAction, ...]) -> None:
        raise _no_scaling()

    def blueprint(self, account: str, region: str, name: str) -> ServerGroupRequest:
        group = self._find(account, region, name)
        return replace(group.request, capacity=group.capacity)

    def destroy(self, account: str, region: str, name: str) -> None:
        with self._store.change():
            if group := self._store.groups.get(path_key(account, region, name)):
                self._store.groups.put(replace(group, is_being_destroyed=True))
        self._fleet.wake()

    def _show(self, group: Group) -> ServerGroup:
        return self._fleet.view().server_group(group, self._store.servers_of(group))

    def _find(self, account: str, region: str, name: str) -> Group:
        group = self._store.groups.get(path_key(account, region, name))
        if group is None:
            raise NotFound(f"server group {name} does not exist")
        return group

    def _change(self, account: str, region: str, name: str, change: Callable[[Group], Group]) -> None:
        with self._store.change():
            group = self._find(account, region, name)
            if group.is_being_destroyed:
                raise Conflict(f"server group {name} is being destroyed")
            self._store.groups.put(change(group))
        self._fleet.wake()

    def _register(self, account: str, region: str, name: str, *, is_registered: bool) -> None:
        for server in self._store.servers_of(self._find(account, region, name)):
            self._store.servers.put(replace(server, is_registered=is_registered, left=frozenset()))

    def _new(self, account: str, request: ServerGroupRequest, token: str) -> Group:
        return Group(
            id=f"g-{secrets.token_hex(8)}",
            uid=self._free_uid(),
            account=account,
            request=request,
            token=token,
            image=self._check(account, request),
            capacity=request.capacity,
            suspended=request.suspended_processes,
            created_at=datetime.now(UTC),
        )

    def _check(self, account: str, request: ServerGroupRequest) -> Image:
        check_region(request.region)
        check_processes(PROCESSES, request.suspended_processes, "suspendedProcesses")
        check_zones(request.zones)
        _check_size(request.capacity)
        _check_environment(request.environment)
        if request.scaling:
            raise _no_scaling()
        if not _NAME.fullmatch(request.name):
            raise InvalidRequest(f"{request.name!r} is not a server group's name", field="name")
        image = self._store.images.get(path_key(account, request.region, request.image_id))
        if image is None:
            raise InvalidRequest(f"image {request.image_id} does not exist", field="imageId")
        for name in request.load_balancers:
            if self._store.balancers.get(path_key(account, request.region, name)) is None:
                raise InvalidRequest(f"load balancer {name} does not exist", field="loadBalancers")
        for name in request.security_groups:
            if self._store.firewalls.get(path_key(account, request.region, name)) is None:
                raise InvalidRequest(f"security group {name} does not exist", field="securityGroups")
        return image

    def _free_uid(self) -> int:
        taken = {group.uid for group in self._store.groups.all()}
        for uid in range(FIRST_UID, LAST_UID + 1):
            if uid not in taken:
                return uid
        raise Unavailable(f"this host already has {len(taken)} server groups")


def _no_scaling() -> InvalidRequest:
    return InvalidRequest("this host measures nothing by which server groups could change their size", field="scaling")


def _check_size(capacity: Capacity) -> None:
    if capacity.max > LARGEST_GROUP:
        raise InvalidRequest(f"{capacity.max} instances are more than {LARGEST_GROUP}", field="capacity.max")


def _check_environment(environment: dict[str, str]) -> None:
    for name, value in environment.items():
        if not _VARIABLE.fullmatch(name) or "\0" in value:
            raise InvalidRequest(f"{name!r} cannot be an environment variable", field="environment")
    if sum(len(name) + len(value) for name, value in environment.items()) > LARGEST_ENVIRONMENT:
        raise InvalidRequest(f"the environment is larger than {LARGEST_ENVIRONMENT} bytes", field="environment")
