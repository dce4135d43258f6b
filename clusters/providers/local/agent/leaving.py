"""The way out of an instance: drained from every load balancer, asked to end, killed if it does not, forgotten.

One that is rebooted goes the same way, and is then started again under the same id and port.
"""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from datetime import UTC, datetime

from clusters.providers.local.agent.balancing import DRAIN_SECONDS, Balancing
from clusters.providers.local.agent.haproxy_config import KEEP_ALIVE_SECONDS
from clusters.providers.local.agent.launching import Launching
from clusters.providers.local.agent.records import Group, Server
from clusters.providers.local.agent.store import Store
from clusters.providers.local.agent.view import View

#: After SIGTERM, before SIGKILL.
STOP_SECONDS = 5.0
#: Clients of an older generation of HAProxy, which knows the instance still, have gone by then.
SETTLE_SECONDS = DRAIN_SECONDS + KEEP_ALIVE_SECONDS + 2.0


class Leaving:
    def __init__(self, store: Store, launching: Launching, balancing: Balancing) -> None:
        self._store = store
        self._launching = launching
        self._balancing = balancing
        self._since: dict[str, float] = {}
        self._asked_at: dict[str, float] = {}

    @property
    def is_busy(self) -> bool:
        return bool(self._since)

    def advance(self, group: Group, server: Server, view: View) -> None:
        """One step. The clock of an instance starts anew when the agent does: it only bounds the waiting."""
        now = time.monotonic()
        since = self._since.setdefault(server.id, now)
        if view.traffic.reaches(server.id):
            return
        if not view.is_alive(server):
            self._end(group, server, view)
        elif group.balancer_keys and not self._balancing.is_settled() and now - since < SETTLE_SECONDS:
            return
        elif server.id not in self._asked_at:
            self._asked_at[server.id] = now
            self._launching.stop(server, signal.SIGTERM)
        elif now - self._asked_at[server.id] > STOP_SECONDS:
            self._launching.stop(server, signal.SIGKILL)

    def _end(self, group: Group, server: Server, view: View) -> None:
        self._since.pop(server.id, None)
        self._asked_at.pop(server.id, None)
        self._launching.forget(server)
        with self._store.change():
            now = self._store.servers.get(server.id) or server
            if now.is_leaving:
                self._launching.remove(group, server)
                self._store.servers.delete(server.id)
                return
            now = replace(now, is_rebooting=False, started_with=now.patches, launched_at=datetime.now(UTC))
            self._store.servers.put(now)
        self._launching.start(group, now, view.running)
