"""Security groups by way of the agent."""

from __future__ import annotations

import builtins

from clusters.core.values import Rule, SecurityGroup
from clusters.providers.local.client import Client


class SecurityGroups:
    def __init__(self, client: Client) -> None:
        self._call = client.call

    def list(self, account: str, region: str) -> builtins.list[SecurityGroup]:
        return self._call("security_groups/list", builtins.list[SecurityGroup], account=account, region=region)

    def upsert(
        self, account: str, region: str, name: str, rules: tuple[Rule, ...], description: str = ""
    ) -> SecurityGroup:
        facts = {"account": account, "region": region, "name": name, "rules": rules, "description": description}
        return self._call("security_groups/upsert", SecurityGroup, **facts)

    def delete(self, account: str, region: str, name: str) -> None:
        self._call("security_groups/delete", type(None), account=account, region=region, name=name)
