"""The clouds as they stand now, copied into memory on first look: what a rehearsal changes instead of the real ones.

with rehearsing() as copies:        # in this thread get_provider hands out copies from here on
    copies.changes()
    ...                             # operations as ever
    copies.changes()                # what they changed
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from clusters.core.differences import Difference, Key, differences
from clusters.core.values import Bake, BakeRequest, BakeState, Package
from clusters.providers.base import PARTS, CloudProvider
from clusters.providers.memory import MemoryCloud


class Copies:
    """The copy of each cloud that was asked for."""

    def __init__(self) -> None:
        self._clouds: dict[str, _Copy] = {}
        self._seen: dict[Key, Any] = {}

    def of(self, real: CloudProvider) -> CloudProvider:
        return cast(CloudProvider, self._clouds.setdefault(real.key, _Copy(real, self._seen)))

    def changes(self) -> list[Difference]:
        """What has changed since this was last asked."""
        now = {key: value for copy in self._clouds.values() for key, value in copy.contents()}
        before = dict(self._seen)
        self._seen.clear()
        self._seen.update(now)
        return differences(before, now)


_COPIES: ContextVar[Copies | None] = ContextVar("copies", default=None)


@contextmanager
def rehearsing() -> Iterator[Copies]:
    copies = Copies()
    token = _COPIES.set(copies)
    try:
        yield copies
    finally:
        _COPIES.reset(token)


def is_rehearsing() -> bool:
    return _COPIES.get() is not None


def copy_of(real: CloudProvider) -> CloudProvider | None:
    """None outside of a rehearsal."""
    copies = _COPIES.get()
    return copies.of(real) if copies else None


class _Copy:
    """A provider over a MemoryCloud that reads each region from the real one when it is first asked about."""

    def __init__(self, real: CloudProvider, seen: dict[Key, Any]) -> None:
        self.key, self.label = real.key, real.label
        self.has_packages, self.can_patch, self.processes = real.has_packages, real.can_patch, real.processes
        self.has_scaling, self.pause_seconds = real.has_scaling, real.pause_seconds
        self.real = real
        self.memory = MemoryCloud(regions=(), clock=lambda: datetime.now(UTC))
        self._seen = seen
        self._loaded: set[tuple[str, str]] = set()
        if real.has_packages:
            self.memory.world.packages = {(one.name, one.version): one for one in real.packages.list()}

    def __getattr__(self, name: str) -> Any:
        if name not in PARTS:
            raise AttributeError(name)
        return _Part(self, name)

    def regions(self, account: str) -> list[str]:
        return self.real.regions(account)

    def zones(self, account: str, region: str) -> list[str]:
        return self.real.zones(account, region)

    def contents(self) -> Iterator[tuple[Key, Any]]:
        world = self.memory.world
        firewalls = {key: group for key, group in world.firewalls.items() if key[2] == group.name}
        for kind, values in (
            ("server group", world.groups),
            ("load balancer", world.balancers),
            ("firewall", firewalls),
        ):
            for key, value in values.items():
                yield (kind, *key), value

    def load(self, account: str, region: str) -> None:
        if (account, region) in self._loaded or region not in self.real.regions(account):
            return
        self._loaded.add((account, region))
        world = self.memory.world
        world.regions = (*world.regions, region)
        world.zones[region] = tuple(self.real.zones(account, region))
        for group in self.real.server_groups.list(account, region):
            world.keep(group)
        for image in self.real.images.list(account, region):
            world.images[account, region, image.id] = image
        for balancer in self.real.load_balancers.list(account, region):
            world.balancers[account, region, balancer.name] = balancer
        for firewall in self.real.security_groups.list(account, region):
            world.firewalls[account, region, firewall.name] = firewall
            world.firewalls[account, region, firewall.id] = firewall
        self._seen.update({key: value for key, value in self.contents() if key[1:3] == (account, region)})

    def complete(self, path: str, arguments: tuple[Any, ...]) -> None:
        """What no list tells, read or made up when a call is about it."""
        world = self.memory.world
        key = arguments[:3]
        if path == "images.get" and key not in world.images:
            world.images[key] = self.real.images.get(*key)
        if path == "server_groups.blueprint" and key not in world.requests and key in world.groups:
            world.requests[key] = self.real.server_groups.blueprint(*key)
        if path == "images.start_bake":
            request = arguments[1]
            self._complete_package(request.package, request.version)
            self._complete_bake(arguments[0], request)
        if path == "instances.patch":
            self._complete_package(*arguments[3:5])

    def _complete_package(self, name: str, version: str) -> None:
        """Where the cloud keeps no packages, only who installs them knows which there are."""
        world = self.memory.world
        if not self.has_packages:
            world.packages.setdefault((name, version), Package(name, version, "", 0, world.now()))

    def _complete_bake(self, account: str, request: BakeRequest) -> None:
        """Equal bakes of earlier days are known by their images."""
        world = self.memory.world
        wanted = (request.package, request.version, request.base)
        for (owner, region, _), image in world.images.items():
            if (owner, region) == (account, request.region) and (image.package, image.version, image.base) == wanted:
                bake = Bake(f"of {image.id}", BakeState.COMPLETED, image, previously_baked=True)
                world.bakes.setdefault(bake.id, (account, replace(request, rebake=False), bake))


class _Part:
    def __init__(self, copy: _Copy, name: str) -> None:
        self._copy = copy
        self._name = name

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if self._name != "packages":
                account, place = arguments[0], arguments[1]
                self._copy.load(account, place if isinstance(place, str) else place.region)
                self._copy.complete(f"{self._name}.{method}", arguments)
            return getattr(getattr(self._copy.memory, self._name), method)(*arguments, **named)

        return call
