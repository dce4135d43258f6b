"""Server groups and their instances over the memory cloud's world."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace

from clusters.core.digests import digest_of_sets
from clusters.core.scaling import Scaling, ScalingPolicy, ScheduledAction
from clusters.core.values import (
    DISABLED_PROCESSES,
    Capacity,
    Changes,
    Health,
    Image,
    Instance,
    Process,
    ServerGroup,
    ServerGroupRequest,
    sum_up,
)
from clusters.providers.base import TOKEN_TAG, Conflict, InvalidRequest, NameTaken, NotFound, check_processes
from clusters.providers.memory.faults import call
from clusters.providers.memory.part import Part, check_firewalls
from clusters.providers.memory.world import World

LARGEST_GROUP = 1000

#: Sources of health, and what becomes of each health that a source reports.
BALANCED = frozenset({"LoadBalancer"})
ANYTHING = frozenset({"Platform", "LoadBalancer"})
TAKEN_OUT = {Health.UP: Health.DRAINING, Health.STARTING: Health.OUT_OF_SERVICE}
BACK_IN = {Health.DRAINING: Health.STARTING, Health.OUT_OF_SERVICE: Health.STARTING}


class ServerGroups(Part):
    name = "server_groups"

    @call
    def list(self, account: str, region: str) -> builtins.list[ServerGroup]:
        return self._visible(account, region)

    @call
    def changes(self, account: str, region: str, marks: Mapping[str, str]) -> Changes:
        groups = self._visible(account, region)
        told = {group.name: digest_of_sets(asdict(group)) for group in groups}
        return Changes(tuple(group for group in groups if marks.get(group.name) != told[group.name]), told)

    @call
    def get(self, account: str, region: str, name: str) -> ServerGroup:
        if not self.world.is_visible((account, region, name)):
            raise NotFound(f"server group {name} does not exist")
        return self._find(account, region, name)

    @call
    def create(self, account: str, request: ServerGroupRequest, token: str) -> ServerGroup:
        existing = self.world.groups.get((account, request.region, request.name))
        if existing and existing.tags.get(TOKEN_TAG) != token:
            raise NameTaken(f"server group {request.name} exists", field="name")
        if existing:
            return existing
        image = self._check(account, request)
        group = ServerGroup(
            account=account,
            region=request.region,
            name=request.name,
            capacity=request.capacity,
            image_id=image.id,
            image_name=image.name,
            created_at=self.world.now(),
            load_balancers=request.load_balancers,
            security_groups=request.security_groups,
            suspended_processes=request.suspended_processes,
            tags=request.tags | {TOKEN_TAG: token},
            scaling=request.scaling,
        )
        self.world.requests[account, request.region, request.name] = request
        return self.world.keep(group)

    @call
    def resize(self, account: str, region: str, name: str, capacity: Capacity) -> None:
        _check_size(capacity)
        self.world.keep(replace(self._usable(account, region, name), capacity=capacity))

    @call
    def disable(self, account: str, region: str, name: str) -> None:
        self._switch(account, region, name, TAKEN_OUT)
        self._change(account, region, name, add=DISABLED_PROCESSES)

    @call
    def enable(self, account: str, region: str, name: str) -> None:
        self._switch(account, region, name, BACK_IN)
        self._change(account, region, name, remove=DISABLED_PROCESSES)
        self.world.keep(by_zones(self.world, self._find(account, region, name)))

    @call
    def suspend(self, account: str, region: str, name: str, processes: frozenset[str]) -> None:
        check_processes(frozenset(Process), processes, "processes")
        self._change(account, region, name, add=processes)

    @call
    def resume(self, account: str, region: str, name: str, processes: frozenset[str]) -> None:
        self._change(account, region, name, remove=processes)

    @call
    def put_policy(self, account: str, region: str, name: str, policy: ScalingPolicy) -> None:
        self._scale(account, region, name, lambda scaling: scaling.with_policy(policy))

    @call
    def delete_policy(self, account: str, region: str, name: str, policy: str) -> None:
        self._scale(account, region, name, lambda scaling: scaling.without_policy(policy))

    @call
    def set_schedule(self, account: str, region: str, name: str, actions: tuple[ScheduledAction, ...]) -> None:
        self._scale(account, region, name, lambda scaling: scaling.with_schedule(actions))

    @call
    def blueprint(self, account: str, region: str, name: str) -> ServerGroupRequest:
        group = self._find(account, region, name)
        request = self.world.requests[account, region, name]
        return replace(request, capacity=group.capacity, scaling=group.scaling)

    @call
    def destroy(self, account: str, region: str, name: str) -> None:
        if group := self.world.groups.get((account, region, name)):
            self.world.keep(replace(group, is_being_destroyed=True))

    def _visible(self, account: str, region: str) -> builtins.list[ServerGroup]:
        groups = self.world.groups.items()
        return [group for key, group in groups if key[:2] == (account, region) and self.world.is_visible(key)]

    def _find(self, account: str, region: str, name: str) -> ServerGroup:
        group = self.world.groups.get((account, region, name))
        if group is None:
            raise NotFound(f"server group {name} does not exist")
        return group

    def _usable(self, account: str, region: str, name: str) -> ServerGroup:
        group = self._find(account, region, name)
        if group.is_being_destroyed:
            raise Conflict(f"server group {name} is being destroyed")
        return group

    def _check(self, account: str, request: ServerGroupRequest) -> Image:
        self.world.check_region(request.region)
        check_processes(frozenset(Process), request.suspended_processes, "suspendedProcesses")
        self.world.check_zones(request.region, request.zones)
        _check_size(request.capacity)
        image = self.world.images.get((account, request.region, request.image_id))
        if image is None:
            raise InvalidRequest(f"image {request.image_id} does not exist", field="imageId")
        for name in request.load_balancers:
            if (account, request.region, name) not in self.world.balancers:
                raise InvalidRequest(f"load balancer {name} does not exist", field="loadBalancers")
        check_firewalls(self.world, account, request.region, request.security_groups)
        return image

    def _change(
        self,
        account: str,
        region: str,
        name: str,
        add: frozenset[str] = frozenset(),
        remove: frozenset[str] = frozenset(),
    ) -> None:
        group = self._usable(account, region, name)
        self.world.keep(replace(group, suspended_processes=(group.suspended_processes | add) - remove))

    def _scale(self, account: str, region: str, name: str, change: Callable[[Scaling], Scaling]) -> None:
        group = self._usable(account, region, name)
        self.world.keep(replace(group, scaling=change(group.scaling)))

    def _switch(self, account: str, region: str, name: str, moves: dict[Health, Health]) -> None:
        """Move what the load balancers say about each instance."""
        group = self._usable(account, region, name)
        self.world.keep(replace(group, instances=tuple(_switched(i, moves) for i in group.instances)))


def _switched(instance: Instance, moves: dict[Health, Health], sources: frozenset[str] = BALANCED) -> Instance:
    reports = tuple(
        replace(r, health=moves.get(r.health, r.health)) if r.source in sources else r for r in instance.reports
    )
    return replace(instance, reports=reports, health=sum_up(reports))


def by_zones(world: World, group: ServerGroup, more: frozenset[str] = frozenset()) -> ServerGroup:
    """With those out of service whose zone no load balancer serves, and those back in whose zone is among `more`."""
    if group.is_disabled:
        return group
    back = {Health.OUT_OF_SERVICE: Health.STARTING}
    moved = {
        zone: (back if zone in more else {}) if world.serves(group, zone) else TAKEN_OUT
        for zone in {instance.zone for instance in group.instances}
    }
    return replace(group, instances=tuple(_switched(one, moved[one.zone]) for one in group.instances))


def _check_size(capacity: Capacity) -> None:
    if capacity.max > LARGEST_GROUP:
        raise InvalidRequest(f"{capacity.max} instances are more than {LARGEST_GROUP}", field="capacity.max")


class Instances(Part):
    name = "instances"

    @call
    def terminate(self, account: str, region: str, instance_id: str) -> None:
        for group in self.world.groups.values():
            if (group.account, group.region) == (account, region):
                left = tuple(instance for instance in group.instances if instance.id != instance_id)
                self.world.keep(replace(group, instances=left))

    @call
    def reboot(self, account: str, region: str, instance_id: str) -> None:
        self._change(account, region, (instance_id,), ANYTHING, dict.fromkeys(Health, Health.STARTING))

    @call
    def patch(self, account: str, region: str, instance_id: str, package: str, version: str, token: str) -> None:
        if (package, version) not in self.world.packages:
            raise InvalidRequest(f"package {package} {version} does not exist", field="package")
        if token in self.world.patch_tokens:
            return
        self._change(account, region, (instance_id,), ANYTHING, dict.fromkeys(Health, Health.STARTING))
        group, instance = self.world.find_instance(instance_id)
        if group.is_being_destroyed:
            raise Conflict(f"server group {group.name} is being destroyed")
        self.world.patch_tokens.add(token)
        patched = replace(instance, patched=instance.patched | {package: version})
        self.world.keep(replace(group, instances=tuple(patched if i == instance else i for i in group.instances)))

    @call
    def register(self, account: str, region: str, load_balancer: str, instance_ids: tuple[str, ...]) -> None:
        if (account, region, load_balancer) not in self.world.balancers:
            raise InvalidRequest(f"load balancer {load_balancer} does not exist", field="loadBalancers")
        self._change(account, region, instance_ids, BALANCED, BACK_IN)

    @call
    def deregister(self, account: str, region: str, load_balancer: str, instance_ids: tuple[str, ...]) -> None:
        known = [i.id for group in self.world.groups.values() for i in group.instances if i.id in instance_ids]
        self._change(account, region, tuple(known), BALANCED, TAKEN_OUT)

    def _change(
        self, account: str, region: str, ids: tuple[str, ...], sources: frozenset[str], moves: dict[Health, Health]
    ) -> None:
        """Move what `sources` say of each. One report stands for all load balancers here."""
        found = [self.world.find_instance(instance_id) for instance_id in ids]
        for group, instance in found:
            if (group.account, group.region) != (account, region):
                raise NotFound(f"instance {instance.id} does not exist")
        for group in {group.name: group for group, _ in found}.values():
            changed = (_switched(i, moves, sources) if i.id in ids else i for i in group.instances)
            self.world.keep(replace(group, instances=tuple(changed)))

    @call
    def log(self, account: str, region: str, instance_id: str) -> str:
        group, instance = self.world.find_instance(instance_id)
        return f"{instance.id} of {group.name} listens on {instance.address}\n"
