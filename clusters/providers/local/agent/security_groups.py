"""Security groups: their rules hold for new connections as soon as a call returns."""

from __future__ import annotations

import builtins
import re

from clusters.core.values import Rule, SecurityGroup
from clusters.providers.base import Conflict, InvalidRequest
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
        if len(rules) > MOST_RULES:
            raise InvalidRequest(f"{len(rules)} rules are more than {MOST_RULES}", field="rules")
        with self._store.change():
            group = self._store.firewalls.put(SecurityGroup(account, region, name, name, description, rules))
            self._balancing.configure()
        return group

    def delete(self, account: str, region: str, name: str) -> None:
        with self._store.change():
            users: builtins.list[Group | Balancer] = [*self._store.groups.all(), *self._store.balancers.all()]
            for user in users:
                is_near = (user.account, user.request.region) == (account, region)
                if is_near and name in user.request.security_groups:
                    raise Conflict(f"{user.request.name} uses security group {name}")
            self._store.firewalls.delete(path_key(account, region, name))
