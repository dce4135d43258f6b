"""What the parts of the memory cloud share."""

from __future__ import annotations

from clusters.providers.base import InvalidRequest
from clusters.providers.memory.faults import Script
from clusters.providers.memory.world import World


class Part:
    name: str

    def __init__(self, world: World, script: Script) -> None:
        self.world = world
        self.script = script


def check_firewalls(world: World, account: str, region: str, names: tuple[str, ...]) -> None:
    for name in names:
        if (account, region, name) not in world.firewalls:
            raise InvalidRequest(f"security group {name} does not exist", field="securityGroups")
