"""MemoryCloud: the contract's parts over one world, and the words by which a test scripts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from clusters.core.values import Health, HealthReport, Image, Process
from clusters.providers import base
from clusters.providers.base import ProviderError, Unavailable
from clusters.providers.memory import parts, server_groups
from clusters.providers.memory.faults import Call, Fault, Script
from clusters.providers.memory.world import World


class MemoryCloud:
    key = "memory"
    label = "Memory"
    has_packages = True
    pause_seconds = 0.0
    can_patch = True
    processes = frozenset(Process)
    has_scaling = True

    def __init__(
        self,
        *,
        regions: tuple[str, ...] = ("local",),
        auto: bool = True,
        lag: int = 0,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.world = World(regions, is_auto=auto, lag=lag, clock=clock)
        self._script = Script()
        self.server_groups: base.ServerGroups = server_groups.ServerGroups(self.world, self._script)
        self.instances: base.Instances = server_groups.Instances(self.world, self._script)
        self.images: base.Images = parts.Images(self.world, self._script)
        self.load_balancers: base.LoadBalancers = parts.LoadBalancers(self.world, self._script)
        self.security_groups: base.SecurityGroups = parts.SecurityGroups(self.world, self._script)
        self.packages: base.Packages = parts.Packages(self.world, self._script)

    def regions(self, account: str) -> list[str]:
        return list(self.world.regions)

    def zones(self, account: str, region: str) -> list[str]:
        return list(self.world.zones_of(region))

    def check_account(self, regions: list[str], config: dict[str, Any]) -> None:
        """Anything goes."""

    @property
    def calls(self) -> list[Call]:
        return self._script.calls

    def count_calls(self, method: str) -> int:
        return sum(call.method == method for call in self.calls)

    def advance(self, ticks: int = 1) -> None:
        with self.world.lock:
            for _ in range(ticks):
                self.world.advance()

    def fail(self, method: str, error: ProviderError, *, times: int = 1, after_doing: bool = False) -> None:
        """The next `times` calls of `method` ("server_groups.create") raise, before or after they did their work."""
        self._script.faults.append(Fault(method, error, times, after_doing))

    def hang(self, method: str, *, times: int = 1, after_doing: bool = False) -> None:
        """The next calls of `method` block until `release()`, at most CALL_SECONDS, then raise Unavailable."""
        self._script.released.clear()
        error = Unavailable(f"{method}: no answer")
        self._script.faults.append(Fault(method, error, times, after_doing, hangs=True))

    def release(self) -> None:
        self._script.released.set()

    def never_healthy(self, name: str) -> None:
        """Instances of the server group `name`, also of a future one, go from Starting to Down and stay."""
        self.world.never_healthy.add(name)

    def mark_down(self, instance_id: str) -> None:
        """The instance fails its health check; its group replaces it as its processes allow. Raises NotFound."""
        group, instance = self.world.find_instance(instance_id)
        down = replace(instance, health=Health.DOWN, reports=(HealthReport("Platform", Health.DOWN, "failed"),))
        self.world.keep(replace(group, instances=tuple(down if i == instance else i for i in group.instances)))

    def add_image(self, account: str, region: str, name: str, **facts: Any) -> Image:
        """An image as if it had been baked; `facts` are further fields of Image."""
        return self.world.add_image(account, region, name, **facts)
