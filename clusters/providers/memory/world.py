"""What exists in the memory cloud and how it goes on by ticks. Its values are those of the contract, replaced whole."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from clusters.core.values import (
    Bake,
    BakeRequest,
    BakeState,
    Health,
    HealthReport,
    Image,
    Instance,
    LoadBalancer,
    Package,
    Process,
    SecurityGroup,
    ServerGroup,
    ServerGroupRequest,
    sum_up,
)
from clusters.providers.base import InvalidRequest, NotFound

Key = tuple[str, str, str]  # account, region, name or id


class World:
    def __init__(
        self, regions: tuple[str, ...], *, is_auto: bool, lag: int, clock: Callable[[], datetime] | None
    ) -> None:
        self.regions, self.is_auto, self.lag, self._clock = regions, is_auto, lag, clock
        self.zones: dict[str, tuple[str, ...]] = {}  # by region, where they are not the usual ones
        self.lock = threading.RLock()
        self.groups: dict[Key, ServerGroup] = {}
        self.requests: dict[Key, ServerGroupRequest] = {}  # what each group was made by
        self.images: dict[Key, Image] = {}
        self.balancers: dict[Key, LoadBalancer] = {}
        self.firewalls: dict[Key, SecurityGroup] = {}
        self.packages: dict[tuple[str, str], Package] = {}
        self.bakes: dict[str, tuple[str, BakeRequest, Bake]] = {}  # by id: account, request, how it stands
        self.never_healthy: set[str] = set()
        self.patch_tokens: set[str] = set()
        self._visible_from: dict[Key, int] = {}
        self._tick = 0
        self._numbers = itertools.count(1)

    def now(self) -> datetime:
        """The own clock is a millisecond later at each call, so that what is made later is newer."""
        if self._clock:
            return self._clock()
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=next(self._numbers))

    def check_region(self, region: str) -> None:
        if region not in self.regions:
            raise InvalidRequest(f"region {region} does not exist", field="region")

    def zones_of(self, region: str) -> tuple[str, ...]:
        return self.zones.get(region) or tuple(f"{region}{letter}" for letter in "abc")

    def check_zones(self, region: str, zones: tuple[str, ...]) -> None:
        for zone in zones:
            if zone not in self.zones_of(region):
                raise InvalidRequest(f"zone {zone} does not exist in {region}", field="availabilityZones")

    def keep(self, group: ServerGroup) -> ServerGroup:
        key = (group.account, group.region, group.name)
        if key not in self.groups:
            self._visible_from[key] = self._tick + self.lag
        self.groups[key] = group
        return group

    def is_visible(self, key: Key) -> bool:
        return self._visible_from.get(key, 0) <= self._tick

    def find_instance(self, instance_id: str) -> tuple[ServerGroup, Instance]:
        """Raises NotFound."""
        for group in self.groups.values():
            for instance in group.instances:
                if instance.id == instance_id:
                    return group, instance
        raise NotFound(f"instance {instance_id} does not exist")

    def add_image(self, account: str, region: str, name: str, **facts: Any) -> Image:
        image_id = f"img-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
        image = Image(account, region, image_id, name, self.now(), **facts)
        self.images[account, region, image.id] = image
        return image

    def advance(self) -> None:
        self._tick += 1
        for key, group in list(self.groups.items()):
            if group.is_being_destroyed:
                del self.groups[key]
            else:
                self.keep(self._next_group(group))
        for bake_id, (account, request, bake) in self.bakes.items():
            self.bakes[bake_id] = account, request, self._next_bake(account, request, bake)

    def _next_group(self, group: ServerGroup) -> ServerGroup:
        suspended, desired = group.suspended_processes, group.capacity.desired
        instances = [self._next_instance(group, instance) for instance in group.instances]
        if not suspended & {Process.HEALTH_CHECK, Process.REPLACE_UNHEALTHY, Process.TERMINATE}:
            # An instance that never was healthy is still within its grace period.
            instances = [i for i in instances if i.health != Health.DOWN or group.name in self.never_healthy]
        if Process.TERMINATE not in suspended:
            instances = instances[max(0, len(instances) - desired) :]  # the oldest go first
        if Process.LAUNCH not in suspended:
            for _ in range(desired - len(instances)):
                instances.append(self._launch(group, self._emptiest_zone(group, instances)))
        return replace(group, instances=tuple(instances))

    def _next_instance(self, group: ServerGroup, instance: Instance) -> Instance:
        after_start = Health.DOWN if group.name in self.never_healthy else Health.UP
        after = {Health.STARTING: after_start, Health.DRAINING: Health.OUT_OF_SERVICE}
        reports = tuple(replace(report, health=after.get(report.health, report.health)) for report in instance.reports)
        return replace(instance, reports=reports, health=sum_up(reports))

    def _emptiest_zone(self, group: ServerGroup, instances: list[Instance]) -> str:
        request = self.requests.get((group.account, group.region, group.name))
        crowd = Counter(instance.zone for instance in instances)
        zones = (request.zones if request else ()) or self.zones_of(group.region)
        return min(zones, key=lambda zone: crowd[zone])

    def serves(self, group: ServerGroup, zone: str) -> bool:
        """Whether a load balancer of the group sends instances of the zone traffic, while it is enabled."""
        found = [self.balancers.get((group.account, group.region, name)) for name in group.load_balancers]
        return not group.is_disabled and any(zone in (one.zones or (zone,)) for one in found if one)

    def _launch(self, group: ServerGroup, zone: str) -> Instance:
        number = next(self._numbers)
        reports: tuple[HealthReport, ...] = (HealthReport("Platform", Health.STARTING),)
        if group.load_balancers:
            registered = Health.STARTING if self.serves(group, zone) else Health.OUT_OF_SERVICE
            reports += (HealthReport("LoadBalancer", registered),)
        return Instance(
            id=f"i-{number:016x}",
            health=sum_up(reports),
            reports=reports,
            zone=zone,
            address=f"127.0.0.1:{20000 + number % 10000}",
            launched_at=self.now(),
        )

    def _next_bake(self, account: str, request: BakeRequest, bake: Bake) -> Bake:
        if bake.state is BakeState.PENDING:
            return replace(bake, state=BakeState.RUNNING)
        if bake.state is BakeState.RUNNING:
            return replace(bake, state=BakeState.COMPLETED, image=self._bake(account, request))
        return bake

    def _bake(self, account: str, request: BakeRequest) -> Image:
        name = request.name or request.package
        return self.add_image(
            account,
            request.region,
            f"{name}-{request.version}-{request.base or 'memory'}-{next(self._numbers):06d}",
            package=request.package,
            version=request.version,
            base=request.base,
            tags={"appversion": f"{request.package}-{request.version}"},
        )
