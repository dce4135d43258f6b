"""LocalCloud: the contract over the agent at settings.AGENT_SOCKET, or at a socket that is given."""

from __future__ import annotations

from typing import Any

from clusters.core.values import InvalidValue
from clusters.providers import base
from clusters.providers.local import PROCESSES, REGION, ZONES
from clusters.providers.local.client import Client
from clusters.providers.local.images import Images
from clusters.providers.local.instances import Instances
from clusters.providers.local.load_balancers import LoadBalancers
from clusters.providers.local.packages import Packages
from clusters.providers.local.security_groups import SecurityGroups
from clusters.providers.local.server_groups import ServerGroups


class LocalCloud:
    key = "local"
    label = "This host"
    has_packages = True
    pause_seconds = 0.0
    can_patch = True
    processes = PROCESSES
    has_scaling = False

    def __init__(self, client: Client | None = None) -> None:
        client = client or Client()
        self.server_groups: base.ServerGroups = ServerGroups(client)
        self.instances: base.Instances = Instances(client)
        self.images: base.Images = Images(client)
        self.load_balancers: base.LoadBalancers = LoadBalancers(client)
        self.security_groups: base.SecurityGroups = SecurityGroups(client)
        self.packages: base.Packages = Packages(client)

    def regions(self, account: str) -> list[str]:
        return [REGION]

    def zones(self, account: str, region: str) -> list[str]:
        return list(ZONES)

    def check_account(self, regions: list[str], config: dict[str, Any]) -> None:
        if regions != [REGION]:
            raise InvalidValue("regions", f'this cloud has one region: ["{REGION}"]')
        if config:
            raise InvalidValue("config", "this cloud has no settings")
