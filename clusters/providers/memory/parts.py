"""Images, load balancers, security groups and packages over the memory cloud's world."""

from __future__ import annotations

import builtins
import hashlib
from dataclasses import replace
from typing import BinaryIO

from clusters.core.values import (
    Bake,
    BakeRequest,
    BakeState,
    HealthReport,
    Image,
    Listener,
    LoadBalancer,
    LoadBalancerRequest,
    Package,
    Rule,
    SecurityGroup,
    ServerGroup,
)
from clusters.providers.base import BUILT_IN_TAGS, InvalidRequest, NameTaken, NotFound, refuse_if_used
from clusters.providers.local import archive as package_archive
from clusters.providers.memory.faults import call
from clusters.providers.memory.part import Part, check_firewalls
from clusters.providers.memory.server_groups import by_zones
from clusters.providers.memory.world import Key


class Images(Part):
    name = "images"

    @call
    def list(self, account: str, region: str) -> builtins.list[Image]:
        return [image for key, image in self.world.images.items() if key[:2] == (account, region)]

    @call
    def get(self, account: str, region: str, image_id: str) -> Image:
        image = self.world.images.get((account, region, image_id))
        if image is None:
            raise NotFound(f"image {image_id} does not exist")
        return image

    @call
    def tag(self, account: str, region: str, image_id: str, tags: dict[str, str]) -> None:
        image = self.world.images.get((account, region, image_id))
        if image is None:
            raise NotFound(f"image {image_id} does not exist")
        if wrong := BUILT_IN_TAGS.intersection(tags):
            raise InvalidRequest(f"{min(wrong)!r} is not a tag that can be set", field="tags")
        self.world.images[account, region, image_id] = replace(image, tags=image.tags | tags)

    @call
    def start_bake(self, account: str, request: BakeRequest, token: str) -> Bake:
        self.world.check_region(request.region)
        if (request.package, request.version) not in self.world.packages:
            raise InvalidRequest(f"package {request.package} {request.version} does not exist", field="package")
        bake_id = f"bake-{hashlib.sha256(f'{account} {token}'.encode()).hexdigest()[:12]}"
        if bake_id not in self.world.bakes:
            self.world.bakes[bake_id] = account, request, self._begin(bake_id, account, request)
        return self.world.bakes[bake_id][2]

    def _begin(self, bake_id: str, account: str, request: BakeRequest) -> Bake:
        """The same request baked before gives its image at once, unless it asks for a rebake."""
        for owner, earlier, bake in self.world.bakes.values():
            is_equal = (owner, replace(earlier, rebake=False)) == (account, request)
            if is_equal and bake.state is BakeState.COMPLETED:
                return replace(bake, id=bake_id, previously_baked=True)
        return Bake(bake_id, BakeState.PENDING)

    @call
    def bake(self, account: str, region: str, bake_id: str) -> Bake:
        owner, request, bake = self.world.bakes.get(bake_id, ("", None, None))
        if bake is None or request is None or (owner, request.region) != (account, region):
            raise NotFound(f"bake {bake_id} does not exist")
        return bake


class LoadBalancers(Part):
    name = "load_balancers"

    @call
    def list(self, account: str, region: str) -> builtins.list[LoadBalancer]:
        balancers = self.world.balancers.items()
        return [self._with_members(balancer) for key, balancer in balancers if key[:2] == (account, region)]

    @call
    def get(self, account: str, region: str, name: str) -> LoadBalancer:
        balancer = self.world.balancers.get((account, region, name))
        if balancer is None:
            raise NotFound(f"load balancer {name} does not exist")
        return self._with_members(balancer)

    @call
    def upsert(self, account: str, request: LoadBalancerRequest) -> LoadBalancer:
        self.world.check_region(request.region)
        self.world.check_zones(request.region, request.zones)
        check_firewalls(self.world, account, request.region, request.security_groups)
        key = (account, request.region, request.name)
        existing = self.world.balancers.get(key)
        port = request.listener.port or (existing.listener.port if existing else 30000 + len(self.world.balancers))
        taken = {one.port for other in self.world.balancers if other != key for one in self._listeners(other)}
        if wrong := taken & {port, *(listener.port for listener in request.more_listeners)}:
            raise InvalidRequest(f"port {min(wrong)} is in use", field="listener.port")
        self.world.balancers[key] = LoadBalancer(
            account,
            request.region,
            request.name,
            replace(request.listener, port=port),
            request.health_check,
            request.security_groups,
            address=f"{existing.address.rpartition(':')[0] if existing else '127.0.0.1'}:{port}",
            created_at=existing.created_at if existing else self.world.now(),
            more_listeners=request.more_listeners,
            zones=request.zones or (existing.zones if existing else self.world.zones_of(request.region)),
        )
        balancer = self.world.balancers[key]
        more = frozenset(balancer.zones).difference(existing.zones if existing else ())
        for group in self._behind(balancer):
            self.world.keep(by_zones(self.world, group, more))
        return self._with_members(balancer)

    @call
    def delete(self, account: str, region: str, name: str) -> None:
        if balancer := self.world.balancers.get((account, region, name)):
            refuse_if_used(f"load balancer {name}", [f"server group {group.name}" for group in self._behind(balancer)])
            del self.world.balancers[account, region, name]

    def _listeners(self, key: Key) -> tuple[Listener, ...]:
        return self.world.balancers[key].listeners

    def _behind(self, balancer: LoadBalancer) -> builtins.list[ServerGroup]:
        place = balancer.account, balancer.region
        groups = self.world.groups.values()
        return [g for g in groups if (g.account, g.region) == place and balancer.name in g.load_balancers]

    def _with_members(self, balancer: LoadBalancer) -> LoadBalancer:
        members: builtins.list[tuple[str, HealthReport]] = []
        for group in self._behind(balancer):
            members += [(i.id, r) for i in group.instances for r in i.reports if r.source == "LoadBalancer"]
        return replace(balancer, members=tuple(members))


class SecurityGroups(Part):
    name = "security_groups"

    @call
    def list(self, account: str, region: str) -> builtins.list[SecurityGroup]:
        return [group for key, group in self.world.firewalls.items() if key[:2] == (account, region)]

    @call
    def upsert(
        self, account: str, region: str, name: str, rules: tuple[Rule, ...], description: str = ""
    ) -> SecurityGroup:
        self.world.check_region(region)
        group = SecurityGroup(account, region, name, name, description, rules)
        self.world.firewalls[account, region, name] = group
        return group

    @call
    def delete(self, account: str, region: str, name: str) -> None:
        near: builtins.list[tuple[str, ServerGroup | LoadBalancer]] = [
            *(("server group", group) for group in self.world.groups.values()),
            *(("load balancer", balancer) for balancer in self.world.balancers.values()),
        ]
        users = [
            f"{kind} {user.name}"
            for kind, user in near
            if (user.account, user.region) == (account, region) and name in user.security_groups
        ]
        refuse_if_used(f"security group {name}", users)
        self.world.firewalls.pop((account, region, name), None)


class Packages(Part):
    name = "packages"

    @call
    def list(self) -> builtins.list[Package]:
        return [*self.world.packages.values()]

    @call
    def put(self, name: str, version: str, archive: BinaryIO) -> Package:
        package_archive.check_name(name, version)
        package_archive.check(archive)
        archive.seek(0)
        content = archive.read()
        package = Package(name, version, hashlib.sha256(content).hexdigest(), len(content), self.world.now())
        existing = self.world.packages.setdefault((name, version), package)
        if existing.sha256 != package.sha256:
            raise NameTaken(f"package {name} {version} exists with other bytes", field="version")
        return existing
