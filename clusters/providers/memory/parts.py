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
    LoadBalancer,
    LoadBalancerRequest,
    Package,
    Rule,
    SecurityGroup,
    ServerGroup,
)
from clusters.providers.base import BUILT_IN_TAGS, Conflict, InvalidRequest, NameTaken, NotFound
from clusters.providers.local import archive as package_archive
from clusters.providers.memory.faults import call
from clusters.providers.memory.part import Part, check_firewalls


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
        check_firewalls(self.world, account, request.region, request.security_groups)
        key = (account, request.region, request.name)
        existing = self.world.balancers.get(key)
        port = request.listener.port or (existing.listener.port if existing else 30000 + len(self.world.balancers))
        if any(other.listener.port == port for k, other in self.world.balancers.items() if k != key):
            raise InvalidRequest(f"port {port} is in use", field="listener.port")
        self.world.balancers[key] = LoadBalancer(
            account,
            request.region,
            request.name,
            replace(request.listener, port=port),
            request.health_check,
            request.security_groups,
            address=f"127.0.0.1:{port}",
            created_at=existing.created_at if existing else self.world.now(),
        )
        return self._with_members(self.world.balancers[key])

    @call
    def delete(self, account: str, region: str, name: str) -> None:
        for group in self.world.groups.values():
            if (group.account, group.region) == (account, region) and name in group.load_balancers:
                raise Conflict(f"server group {group.name} uses load balancer {name}")
        self.world.balancers.pop((account, region, name), None)

    def _with_members(self, balancer: LoadBalancer) -> LoadBalancer:
        members: builtins.list[tuple[str, HealthReport]] = []
        for group in self.world.groups.values():
            is_near = (group.account, group.region) == (balancer.account, balancer.region)
            if is_near and balancer.name in group.load_balancers:
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
        users: builtins.list[ServerGroup | LoadBalancer] = [*self.world.groups.values(), *self.world.balancers.values()]
        for user in users:
            if (user.account, user.region) == (account, region) and name in user.security_groups:
                raise Conflict(f"{user.name} uses security group {name}")
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
