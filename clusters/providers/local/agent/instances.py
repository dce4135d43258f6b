"""Instances: ended one by one, and what they printed."""

from __future__ import annotations

import re
from dataclasses import replace

from clusters.providers.base import Conflict, InvalidRequest, NotFound
from clusters.providers.local.agent.fleet import Fleet
from clusters.providers.local.agent.launching import Launching, tail
from clusters.providers.local.agent.records import Patch, Server
from clusters.providers.local.agent.store import Store

_ID = re.compile(r"i-[0-9a-f]{16}")


class Instances:
    def __init__(self, store: Store, fleet: Fleet, launching: Launching) -> None:
        self._store = store
        self._fleet = fleet
        self._launching = launching

    def terminate(self, account: str, region: str, instance_id: str) -> None:
        with self._store.change():
            server = self._store.servers.get(instance_id)
            if server and server.group.startswith(f"{account}/{region}/"):
                self._store.servers.put(replace(server, is_leaving=True))
        self._fleet.wake()

    def reboot(self, account: str, region: str, instance_id: str) -> None:
        with self._store.change():
            server = self._find(account, region, instance_id)
            self._store.servers.put(replace(server, is_rebooting=True))
        self._fleet.wake()

    def patch(self, account: str, region: str, instance_id: str, package: str, version: str, token: str) -> None:
        with self._store.change():
            server = self._find(account, region, instance_id)
            if any(patch.token == token for patch in server.patches):
                return
            if server.is_leaving:
                raise Conflict(f"instance {instance_id} is being ended")
            found = self._store.packages.get(f"{package}/{version}")
            if found is None:
                raise InvalidRequest(f"package {package} {version} does not exist", field="package")
            patch = Patch(package, version, found.sha256, token)
            self._store.servers.put(replace(server, patches=(*server.patches, patch), is_rebooting=True))
        self._fleet.wake()

    def register(self, account: str, region: str, load_balancer: str, instance_ids: tuple[str, ...]) -> None:
        with self._store.change():
            for instance_id in instance_ids:
                server = self._find(account, region, instance_id)
                names = self._balancers_of(server)
                if load_balancer not in names:
                    group = server.group.rpartition("/")[2]
                    raise InvalidRequest(f"{group} is not behind load balancer {load_balancer}", field="loadBalancers")
                left = server.left if server.is_registered else names
                self._store.servers.put(replace(server, is_registered=True, left=left - {load_balancer}))
        self._fleet.wake()

    def deregister(self, account: str, region: str, load_balancer: str, instance_ids: tuple[str, ...]) -> None:
        with self._store.change():
            for instance_id in instance_ids:
                server = self._store.servers.get(instance_id)
                if server and server.group.startswith(f"{account}/{region}/"):
                    self._store.servers.put(replace(server, left=server.left | {load_balancer}))
        self._fleet.wake()

    def log(self, account: str, region: str, instance_id: str) -> str:
        """Also of an instance that is gone, while its log is kept."""
        if not _ID.fullmatch(instance_id):
            raise NotFound(f"instance {instance_id} does not exist")
        if self._store.servers.get(instance_id):
            self._find(account, region, instance_id)
        try:
            return tail(self._launching.log(instance_id))
        except FileNotFoundError:
            raise NotFound(f"instance {instance_id} does not exist") from None

    def _find(self, account: str, region: str, instance_id: str) -> Server:
        """Also one that is going: what is asked of it no longer matters. Raises NotFound."""
        server = self._store.servers.get(instance_id)
        if server is None or not server.group.startswith(f"{account}/{region}/"):
            raise NotFound(f"instance {instance_id} does not exist")
        return server

    def _balancers_of(self, server: Server) -> frozenset[str]:
        group = self._store.groups.get(server.group)
        return frozenset(group.request.load_balancers) if group else frozenset()
