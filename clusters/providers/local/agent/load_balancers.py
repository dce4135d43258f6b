"""Load balancers: what is written here HAProxy does before the call returns."""

from __future__ import annotations

import builtins
import re
from dataclasses import replace
from datetime import UTC, datetime

from clusters.core.values import LoadBalancer, LoadBalancerRequest
from clusters.providers.base import InvalidRequest, NotFound, refuse_if_used
from clusters.providers.local import ZONES
from clusters.providers.local.agent import ports
from clusters.providers.local.agent.balancing import Balancing
from clusters.providers.local.agent.fleet import Fleet
from clusters.providers.local.agent.records import Balancer, Server, path_key
from clusters.providers.local.agent.regions import check_region, check_zones
from clusters.providers.local.agent.store import Store

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
#: What may stand in a request line and between single quotes in HAProxy's configuration.
_PATH = re.compile(r"/[A-Za-z0-9._~:/?@!$&()*+,;=%\[\]-]{0,500}")


class LoadBalancers:
    def __init__(self, store: Store, fleet: Fleet, balancing: Balancing) -> None:
        self._store = store
        self._fleet = fleet
        self._balancing = balancing

    def list(self, account: str, region: str) -> builtins.list[LoadBalancer]:
        balancers = self._store.balancers.all()
        return [self._show(b) for b in balancers if (b.account, b.request.region) == (account, region)]

    def get(self, account: str, region: str, name: str) -> LoadBalancer:
        balancer = self._store.balancers.get(path_key(account, region, name))
        if balancer is None:
            raise NotFound(f"load balancer {name} does not exist")
        return self._show(balancer)

    def upsert(self, account: str, request: LoadBalancerRequest) -> LoadBalancer:
        """Nothing is remembered when HAProxy does not take it."""
        with self._store.change():
            self._check(account, request)
            existing = self._store.balancers.get(path_key(account, request.region, request.name))
            port = self._port(request, existing)
            zones = request.zones or (existing.zones if existing else ZONES)
            request = replace(request, listener=replace(request.listener, port=port), zones=zones)
            if existing:
                balancer = replace(existing, request=request)
            else:
                number = max((b.number for b in self._store.balancers.all()), default=0) + 1
                balancer = Balancer(number, account, request, datetime.now(UTC))
            self._store.balancers.put(balancer)
            self._balancing.configure()
        self._fleet.wake()
        return self._show(balancer)

    def delete(self, account: str, region: str, name: str) -> None:
        key = path_key(account, region, name)
        with self._store.change():
            users = [f"server group {g.request.name}" for g in self._store.groups.all() if key in g.balancer_keys]
            refuse_if_used(f"load balancer {name}", users)
            if self._store.balancers.get(key):
                self._store.balancers.delete(key)
                self._balancing.configure()

    def _show(self, balancer: Balancer) -> LoadBalancer:
        keys = {group.key for group in self._store.groups.all() if balancer.key in group.balancer_keys}
        members: builtins.list[Server] = [server for server in self._store.servers.all() if server.group in keys]
        return self._fleet.view().load_balancer(balancer, self._balancing.bind, members)

    def _check(self, account: str, request: LoadBalancerRequest) -> None:
        check_region(request.region)
        check_zones(request.zones)
        if not _NAME.fullmatch(request.name):
            raise InvalidRequest(f"{request.name!r} is not a load balancer's name", field="name")
        if request.health_check.protocol == "HTTP" and not _PATH.fullmatch(request.health_check.path):
            raise InvalidRequest(f"{request.health_check.path!r} is not a path", field="healthCheck.path")
        for name in request.security_groups:
            if self._store.firewalls.get(path_key(account, request.region, name)) is None:
                raise InvalidRequest(f"security group {name} does not exist", field="securityGroups")

    def _port(self, request: LoadBalancerRequest, existing: Balancer | None) -> int:
        """Of the first listener: the one asked for, the one it has, or a free one. What is asked for must be free."""
        bind, asked = self._balancing.bind, {listener.port for listener in request.listeners if listener.port}
        own = {listener.port for listener in existing.listeners} if existing else set()
        taken = {listener.port for balancer in self._store.balancers.all() for listener in balancer.listeners} - own
        for port in asked - own:
            if port in taken or not ports.is_free(port, bind):
                raise InvalidRequest(f"port {port} is in use", field="listener.port")
        if request.listener.port:
            return request.listener.port
        if existing and existing.request.listener.port not in asked:
            return existing.request.listener.port
        return ports.choose(ports.LISTENER_PORTS, taken | asked, bind)
