"""Security groups: their rules hold for new connections as soon as a call returns."""

from __future__ import annotations

import builtins
import re

from clusters.core.values import Rule, SecurityGroup
from clusters.providers.base import InvalidRequest, refuse_if_used
from clusters.providers.local.agent.balancing import Balancing
from clusters.providers.local.agent.records import Balancer, Group, path_key
from clusters.providers.local.agent.regions import check_region
from clusters.providers.local.agent.store import Store

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
MOST_RULES = 1000


class SecurityGroups:
    def __init__(self, store: Store, balancing: Balancing) -> None:
        self._store = store
        self._balancing = balancing

    def list(self, account: str, region: str) -> builtins.list[SecurityGroup]:
        return [group for group in self._store.firewalls.all() if (group.account, group.region) == (account, region)]

    def upsert(
        self, account: str, region: str, name: str, rules: tuple[Rule, ...], description: str = ""
    ) -> SecurityGroup:
        check_region(region)
        if not _NAME.fullmatch(name):
            raise InvalidRequest(f"{name!r} is not a security group's name", field="name")
        if any(rule.group for rule in rules):
            raise InvalidRequest("instances here have no addresses of their own to allow by group", field="rules")
        if any(rule.protocol == "udp" for rule in rules):
            raise InvalidRequest("load balancers here carry TCP alone: a udp rule lets nobody in", field="rules")
        if len(rules) > MOST_RULES:
            raise InvalidRequest(f"{len(rules)} rules are more than {MOST_RULES}", field="rules")
        with self._store.change():
            group = self._store.firewalls.put(SecurityGroup(account, region, name, name, description, rules))
            self._balancing.configure()
        return group

    def delete(self, account: str, region: str, name: str) -> None:
        with self._store.change():
            near: builtins.list[tuple[str, Group | Balancer]] = [
                *(("server group", group) for group in self._store.groups.all()),
                *(("load balancer", balancer) for balancer in self._store.balancers.all()),
            ]
            users = [
                f"{kind} {user.request.name}"
                for kind, user in near
                if (user.account, user.request.region) == (account, region) and name in user.request.security_groups
            ]
            refuse_if_used(f"security group {name}", users)
            self._store.firewalls.delete(path_key(account, region, name))
