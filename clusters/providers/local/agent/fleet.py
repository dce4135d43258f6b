"""The loop that makes the host as remembered: starts, balances, replaces and ends instances.

Each tick looks (keeper, ports, HAProxy), decides by plan.py, and does one step of everything that is under way. Nothing
but the records survives a crash of the agent: the next agent's first tick goes on from what it sees.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from clusters.core.values import Process
from clusters.providers.base import ProviderError, Unavailable
from clusters.providers.local.agent import plan, ports
from clusters.providers.local.agent.balancing import Balancing, Key
from clusters.providers.local.agent.launching import Launching, port_for
from clusters.providers.local.agent.leaving import Leaving
from clusters.providers.local.agent.plan import Backoff, Decision
from clusters.providers.local.agent.processes import Processes, Running
from clusters.providers.local.agent.records import Group, Server
from clusters.providers.local.agent.store import Store
from clusters.providers.local.agent.view import View

logger = logging.getLogger(__name__)

SERVER_PREFIX = "i-"
IDLE_SECONDS = 1.0
BUSY_SECONDS = 0.1
#: A new instance is looked after closely for this long.
YOUNG_SECONDS = 10.0


class Fleet:
    def __init__(self, store: Store, processes: Processes, launching: Launching, balancing: Balancing) -> None:
        self._store = store
        self._processes = processes
        self._launching = launching
        self._balancing = balancing
        self._leaving = Leaving(store, launching, balancing)
        self._listening: set[str] = set()
        self._backoffs: dict[str, Backoff] = {}
        self._last_pids: dict[str, int] = {}
        self._wake = threading.Event()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._wake.set()
        self._thread.join(timeout=5)

    def wake(self) -> None:
        """Something was asked for: look now."""
        self._wake.set()

    def view(self) -> View:
        """A fresh look. Raises Unavailable."""
        balancers = {balancer.key: balancer for balancer in self._store.balancers.all()}
        listening = frozenset(self._listening)
        return View(self._processes.list(), listening, self._balancing.look(), balancers, datetime.now(UTC))

    def _run(self) -> None:
        is_busy = True
        while not self._is_over.is_set():
            try:
                is_busy = self.tick()
            except ProviderError as error:
                logger.warning("%s", error)
                self._find_keeper()
            except Exception:  # the loop keeps everything running and must outlive any one mistake
                logger.exception("A tick failed.")
            self._wake.wait(BUSY_SECONDS if is_busy else IDLE_SECONDS)
            self._wake.clear()

    def tick(self) -> bool:
        """One step of everything. Returns whether there is more to do soon."""
        self._start_missing(self._processes.list())
        self._probe_ports(self._processes.list())
        self._balancing.configure()
        view = self.view()
        self._last_pids = view.running.pids
        self._balancing.sync(self._wanted(view), view.traffic)
        is_busy = False
        for group in self._store.groups.all():
            servers = self._store.servers_of(group)
            is_busy |= self._advance(group, servers, view)
        self._launching.trim_logs(set(view.running.pids))
        return is_busy

    def _advance(self, group: Group, servers: list[Server], view: View) -> bool:
        seen = [view.seen(group, server) for server in servers]
        now = time.monotonic()
        backoff = self._backoffs.get(group.key, Backoff())
        decision = plan.decide(group, seen, may_launch=now >= backoff.until)
        self._backoffs[group.key] = backoff.after(decision, seen, now)
        self._obey(group, decision)
        for server in servers:
            if server.is_rebooting:
                self._listening.discard(server.id)
            if server.is_leaving or server.is_rebooting:
                self._leaving.advance(group, server, view)
        if group.is_being_destroyed and not servers:
            self._launching.remove_group(group)
            self._store.groups.delete(group.key)
            self._backoffs.pop(group.key, None)
        is_draining = any(view.is_draining(group, server) for server in servers)
        is_young = any(one.age_seconds < YOUNG_SECONDS and not one.is_up for one in seen)
        return bool(decision.leave or decision.launch) or is_draining or is_young or self._leaving.is_busy

    def _obey(self, group: Group, decision: Decision) -> None:
        with self._store.change():
            for server_id in decision.leave:
                if server := self._store.servers.get(server_id):
                    self._store.servers.put(replace(server, is_leaving=True))
        for _ in range(decision.launch):
            self._launch(group.key)

    def _launch(self, key: str) -> None:
        """Remember first, then start: what is remembered and not running is started by whoever looks next."""
        with self._store.change():
            group = self._store.groups.get(key)
            if group is None or group.is_being_destroyed:
                return
            taken = {server.port for server in self._store.servers.all()}
            server = Server(
                id=f"{SERVER_PREFIX}{secrets.token_hex(8)}",
                group=key,
                port=ports.choose(ports.INSTANCE_PORTS, taken),
                launched_at=datetime.now(UTC),
                is_registered=group.runs(Process.ADD_TO_LOAD_BALANCER),
                zone=plan.emptiest_zone(group, self._store.servers_of(group)),
            )
            self._store.servers.put(server)
        self._launching.start(group, server, self._processes.list())

    def _start_missing(self, running: Running) -> None:
        """After a full stop every instance is started again, as machines are when their host comes back."""
        groups = {group.key: group for group in self._store.groups.all()}
        servers = self._store.servers.all()
        for name in running.pids.keys() - {server.id for server in servers}:
            if name.startswith(SERVER_PREFIX):  # of a memory that was lost
                self._processes.signal(name, signal.SIGKILL)
        for server in servers:
            if running.knows(server.id) or server.is_leaving or server.is_rebooting:
                continue
            with self._store.change():
                taken = {other.port for other in servers}
                server = replace(server, port=port_for(server, taken), launched_at=datetime.now(UTC))
                self._store.servers.put(server)
            self._listening.discard(server.id)
            self._launching.start(groups[server.group], server, running)

    def _probe_ports(self, running: Running) -> None:
        servers = self._store.servers.all()
        self._listening &= {server.id for server in servers if server.id in running.pids}
        for server in servers:
            if server.id in running.pids and server.id not in self._listening and ports.accepts(server.port):
                self._listening.add(server.id)

    def _wanted(self, view: View) -> dict[Key, int]:
        """Port by backend and server, for everyone who should take traffic."""
        groups = {group.key: group for group in self._store.groups.all()}
        return {
            (view.balancers[key].backend, server.id): server.port
            for server in self._store.servers.all()
            for key in groups[server.group].balancer_keys
            if key in view.balancers and view.takes_traffic(server, view.balancers[key])
        }

    def _find_keeper(self) -> None:
        """With a lost keeper its children died; what they had started themselves is ended by their groups."""
        try:
            is_known = self._processes.connect()
        except Unavailable as error:
            logger.warning("%s", error)
            return
        if not is_known:
            for pid in self._last_pids.values():
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            self._last_pids = {}
