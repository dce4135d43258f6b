"""What tests of clouds share: a stage to make things on, bounded waiting, and clearing up."""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Callable
from typing import TypeVar

from clusters.core.values import (
    Bake,
    BakeRequest,
    BakeState,
    Health,
    HealthCheck,
    Image,
    Listener,
    LoadBalancer,
    LoadBalancerRequest,
    SecurityGroup,
    ServerGroup,
    ServerGroupRequest,
)
from clusters.providers.base import CloudProvider, NotFound
from spinnaker_web import demo_package

T = TypeVar("T")

#: Operations that a cloud refuses, with the reason: exceptions in the table of docs/clouds.md.
REFUSED = {
    ("local", "server_groups.put_policy"): "measures nothing to scale by",
    ("local", "server_groups.delete_policy"): "measures nothing to scale by",
    ("local", "server_groups.set_schedule"): "has no scheduled actions",
    ("aws", "packages.put"): "bakes install from a repository",
}

ACCOUNT = "acme"
REGION = "local"
HEALTH_CHECK = HealthCheck(path="/health", interval=0.2, timeout=0.5)


def wait_until(look: Callable[[], T | None], *, seconds: float = 15, pause: float = 0.05) -> T:
    """What `look` returns as soon as it is true. Fails after `seconds` and at least 10 looks."""
    deadline = time.monotonic() + seconds
    for tries in itertools.count():
        if found := look():
            return found
        assert time.monotonic() < deadline or tries < 10, f"did not come true in {seconds} s"
        time.sleep(pause)
    raise AssertionError


class Stage:
    """A cloud with short words for what tests do over and over."""

    def __init__(self, cloud: CloudProvider, *, pause_seconds: float = 0.05, region: str = REGION) -> None:
        self.cloud = cloud
        self.region = region
        self._pause = pause_seconds
        self._tokens = itertools.count()

    def token(self) -> str:
        return f"{time.time_ns()}-{next(self._tokens)}"

    def bake(self, package: str, version: str, archive: bytes | None = None) -> Image:
        self.upload(package, version, archive)
        return self.baked(
            self.cloud.images.start_bake(ACCOUNT, BakeRequest(self.region, package, version), self.token())
        )

    def upload(self, package: str, version: str, archive: bytes | None = None) -> None:
        """To where bakes take packages from."""
        self.cloud.packages.put(package, version, io.BytesIO(archive or demo_package.build(version)))

    def baked(self, bake: Bake) -> Image:
        def look() -> Image | None:
            now = self.cloud.images.bake(ACCOUNT, self.region, bake.id)
            assert now.state is not BakeState.FAILED, now.message
            return now.image

        return wait_until(look, pause=self._pause)

    def balancer(
        self, name: str, health_check: HealthCheck = HEALTH_CHECK, security_groups: tuple[str, ...] = ()
    ) -> LoadBalancer:
        request = LoadBalancerRequest(self.region, name, Listener(0), health_check, security_groups)
        return self.cloud.load_balancers.upsert(ACCOUNT, request)

    def create(self, request: ServerGroupRequest) -> ServerGroup:
        """A group with all its instances up."""
        self.cloud.server_groups.create(ACCOUNT, request, self.token())
        return self.until(request.name, lambda group: group.count(Health.UP) == request.capacity.desired)

    def get(self, name: str) -> ServerGroup:
        return self.cloud.server_groups.get(ACCOUNT, self.region, name)

    def names(self) -> list[str]:
        return [group.name for group in self.cloud.server_groups.list(ACCOUNT, self.region)]

    def firewalls(self) -> list[SecurityGroup]:
        """Without those that are always there."""
        groups = self.cloud.security_groups.list(ACCOUNT, self.region)
        return [group for group in groups if group.name != "default"]

    def until(self, name: str, holds: Callable[[ServerGroup], bool], *, seconds: float = 15) -> ServerGroup:
        def look() -> ServerGroup | None:
            group = self.get(name)
            return group if holds(group) else None

        return wait_until(look, seconds=seconds, pause=self._pause)

    def stays(self, name: str, holds: Callable[[ServerGroup], bool]) -> None:
        """Holds at each of 10 looks, half a second with a pause of 0.05."""
        for _ in range(10):
            assert holds(self.get(name))
            time.sleep(self._pause)

    def until_gone(self, name: str) -> None:
        def look() -> bool:
            try:
                self.get(name)
            except NotFound:
                return True
            return False

        wait_until(look, pause=self._pause)

    def clear(self) -> None:
        """End every server group, load balancer and security group."""
        cloud, names = self.cloud, self.names()
        for name in names:
            cloud.server_groups.destroy(ACCOUNT, self.region, name)
        for name in names:
            self.until_gone(name)
        for balancer in cloud.load_balancers.list(ACCOUNT, self.region):
            cloud.load_balancers.delete(ACCOUNT, self.region, balancer.name)
        for group in self.firewalls():
            cloud.security_groups.delete(ACCOUNT, self.region, group.name)
