"""Keeps the servers of every load balancer: who should take traffic does once checked, who should not is drained."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from clusters.core.values import Health, HealthCheck, HealthReport
from clusters.providers.local.agent import haproxy_config
from clusters.providers.local.agent.haproxy import HAProxy, ServerStat
from clusters.providers.local.agent.haproxy_config import Files, Member
from clusters.providers.local.agent.records import Balancer, path_key
from clusters.providers.local.agent.store import Store

logger = logging.getLogger(__name__)

#: What HAProxy says when it has done something; mostly it says nothing.
DONE = ("New server registered.", "Server deleted.")
#: Longest that requests under way may hold up the removal of a server.
DRAIN_SECONDS = 5.0
#: A new instance that fails its check is Starting for this long on top of what its check needs to fail.
STARTING_SECONDS = 2.0

Key = tuple[str, str]  # backend, server name


@dataclass(frozen=True, slots=True)
class Traffic:
    """One look at HAProxy: what it says about each server of each backend."""

    stats: Mapping[Key, ServerStat]

    def of(self, balancer: Balancer, server: str) -> ServerStat | None:
        return self.stats.get((balancer.backend, server))

    def reaches(self, server: str) -> bool:
        """Whether HAProxy knows the server at all: only then may requests still be on their way to it."""
        return any(name == server for _, name in self.stats)


class Balancing:
    def __init__(self, store: Store, haproxy: HAProxy, bind: str) -> None:
        self._store = store
        self._haproxy = haproxy
        self.bind = bind
        self._drained_since: dict[Key, float] = {}

    def configure(self) -> None:
        """Make HAProxy listen and check as remembered. Raises Unavailable."""
        balancers = self._store.balancers.all()
        if not balancers:
            self._haproxy.stop()
            return
        firewalls = {path_key(g.account, g.region, g.name): g for g in self._store.firewalls.all()}
        ports = {server.id: server.port for server in self._store.servers.all()}

        def render(files: Files, members: Sequence[Member]) -> str:
            return haproxy_config.render(files, self.bind, balancers, firewalls, members)

        self._haproxy.ensure(render, ports.get)

    def look(self) -> Traffic:
        return Traffic({(stat.backend, stat.name): stat for stat in self._haproxy.stats()})

    def sync(self, wanted: Mapping[Key, int], traffic: Traffic) -> None:
        """One step from how it stands towards the wanted servers (port by backend and name)."""
        for key, port in wanted.items():
            self._drained_since.pop(key, None)
            stat = traffic.stats.get(key)
            if stat is None:
                self._add(key, port)
            elif not stat.is_up:  # one that is down does not show whether it is drained, too
                self._tell(f"set server {'/'.join(key)} state ready")
        for key, stat in traffic.stats.items():
            if key not in wanted:
                self._take_out(key, stat)

    def is_settled(self) -> bool:
        """Whether no client is held by a generation that still knows servers taken out since."""
        return not self._haproxy.has_old_generations()

    def _add(self, key: Key, port: int) -> None:
        """A server leaves maintenance as if it were up: down first, so that only a passed check brings traffic."""
        backend, name = key
        balancer = next((b for b in self._store.balancers.all() if b.backend == backend), None)
        if balancer is None:
            return
        path = f"{backend}/{name}"
        checked = haproxy_config.check_words(balancer)
        self._tell(f"add server {path} 127.0.0.1:{port}{checked}")
        if checked:
            for words in (f"enable health {path}", f"set server {path} state drain", f"set server {path} health down"):
                self._tell(words)
        self._tell(f"set server {path} state ready")

    def _take_out(self, key: Key, stat: ServerStat) -> None:
        """Drain, and only at a later step, when nothing is under way any more or it took too long, remove."""
        path, now = "/".join(key), time.monotonic()
        since = self._drained_since.get(key)
        if since is None:
            self._drained_since[key] = now
            self._tell(f"set server {path} state drain")
        elif stat.sessions == 0 or now - since > DRAIN_SECONDS:
            self._tell(f"set server {path} state maint")
            self._tell(f"shutdown sessions server {path}")
            self._tell(f"del server {path}")

    def _tell(self, words: str) -> None:
        """A word that came too late (the server is gone or there) is no error: the next step looks again."""
        answer = self._haproxy.command(words)
        if answer and answer not in DONE:
            logger.info("HAProxy answers %r to %r.", answer, words)


def report(
    balancer: Balancer, stat: ServerStat | None, *, is_wanted: bool, launched_at: datetime, now: datetime
) -> HealthReport:
    """What a load balancer says about an instance."""
    if not is_wanted:
        return _say(Health.DRAINING, "draining") if stat else _say(Health.OUT_OF_SERVICE, "not registered")
    if stat is None:
        return _say(Health.STARTING, "not yet listening")
    if stat.is_up:
        return _say(Health.UP, "")
    if stat.takes_no_more:
        return _say(Health.DRAINING, "draining")
    check = balancer.check
    patience = STARTING_SECONDS + check.unhealthy_threshold * (check.interval + check.timeout)
    is_new = (now - launched_at).total_seconds() < patience
    health = Health.STARTING if is_new or stat.check in ("", "INI") else Health.DOWN
    return _say(health, reason(check, stat))


def reason(check: HealthCheck, stat: ServerStat) -> str:
    """HAProxy's check status in words. While it asks again, it shows the last status, but 0 for the code."""
    on_path = f" on {check.path}" if check.protocol == "HTTP" else ""
    words = {
        "L7STS": f"{'an error' if stat.code == '0' else f'HTTP {stat.code}'}{on_path}",
        "L7TOUT": f"no answer within {check.timeout:g} s{on_path}",
        "L7RSP": f"no valid answer{on_path}",
        "L4CON": "connection refused",
        "L4TOUT": f"no connection within {check.timeout:g} s",
        "SOCKERR": "connection broken",
    }
    return words.get(stat.check.removeprefix("* "), "not checked yet")


def _say(health: Health, text: str) -> HealthReport:
    return HealthReport("LoadBalancer", health, text)
