"""AwsCloud: the contract over AWS accounts, whose settings are those of their rows unless given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from clusters.core.values import Process
from clusters.providers import base
from clusters.providers.aws import account as accounts
from clusters.providers.aws import places
from clusters.providers.aws.client import READ_SECONDS, Clients
from clusters.providers.aws.images import Images
from clusters.providers.aws.instances import Instances
from clusters.providers.aws.load_balancers import LoadBalancers
from clusters.providers.aws.packages import Packages
from clusters.providers.aws.security_groups import SecurityGroups
from clusters.providers.aws.server_groups import ServerGroups


class AwsCloud:
    key = "aws"
    label = "Amazon Web Services"
    has_packages = False
    #: A read of everything takes a call for each target group and each hundred server groups: AWS throttles those.
    pause_seconds = 30.0
    can_patch = True
    processes = frozenset(Process)
    has_scaling = True

    def __init__(
        self, lookup: accounts.Lookup = accounts.from_rows, allowed_hosts: Callable[[], Iterable[str]] | None = None
    ) -> None:
        self._allowed_hosts = allowed_hosts or _from_settings
        self._clients = Clients(lookup, self._allowed_hosts)
        self.server_groups: base.ServerGroups = ServerGroups(self._clients)
        self.instances: base.Instances = Instances(self._clients)
        self.images: base.Images = Images(self._clients)
        self.load_balancers: base.LoadBalancers = LoadBalancers(self._clients)
        self.security_groups: base.SecurityGroups = SecurityGroups(self._clients)
        self.packages: base.Packages = Packages()

    def regions(self, account: str) -> list[str]:
        return list(self._clients.settings(account).regions)

    def zones(self, account: str, region: str) -> list[str]:
        return places.zones(self._clients.at(account, region, seconds=READ_SECONDS))

    def check_account(self, regions: list[str], config: dict[str, Any]) -> None:
        settings = accounts.parse(regions, config)
        if settings.config.endpoint:
            accounts.check_endpoint(settings.config.endpoint, self._allowed_hosts())


def _from_settings() -> Iterable[str]:
    from django.conf import settings  # only here: the provider also works without Django

    hosts: list[str] = settings.AWS_ENDPOINT_HOSTS
    return hosts
