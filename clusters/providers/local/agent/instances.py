"""Instances: ended one by one, and what they printed."""

from __future__ import annotations

import re
from dataclasses import replace

from clusters.providers.base import NotFound
from clusters.providers.local.agent.fleet import Fleet
from clusters.providers.local.agent.launching import Launching, tail
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

    def log(self, account: str, region: str, instance_id: str) -> str:
        """Also of an instance that is gone, while its log is kept."""
        if not _ID.fullmatch(instance_id):
            raise NotFound(f"instance {instance_id} does not exist")
        server = self._store.servers.get(instance_id)
        if server and not server.group.startswith(f"{account}/{region}/"):
            raise NotFound(f"instance {instance_id} does not exist")
        try:
            return tail(self._launching.log(instance_id))
        except FileNotFoundError:
            raise NotFound(f"instance {instance_id} does not exist") from None
