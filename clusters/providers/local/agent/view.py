"""One look at everything: turns records and what is seen into the contract's values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from clusters.core.values import Health, HealthReport, Instance, LoadBalancer, ServerGroup, sum_up
from clusters.providers.base import TOKEN_TAG
from clusters.providers.local.agent.balancing import Traffic, report
from clusters.providers.local.agent.plan import Seen
from clusters.providers.local.agent.processes import Running
from clusters.providers.local.agent.records import Balancer, Group, Server


@dataclass(frozen=True, slots=True)
class View:
    """`listening` are ids of servers that have accepted a connection on their port since they started."""

    running: Running
    listening: frozenset[str]
    traffic: Traffic
    balancers: Mapping[str, Balancer]
    now: datetime

    def is_alive(self, server: Server) -> bool:
        return server.id in self.running.pids

    def takes_traffic(self, server: Server, balancer: Balancer) -> bool:
        """Whether the load balancer should know it."""
        return server.serves(balancer) and self.is_alive(server) and server.id in self.listening

    def is_draining(self, group: Group, server: Server) -> bool:
        """Whether a load balancer still knows it that should not."""
        balancers = [self.balancers[key] for key in group.balancer_keys if key in self.balancers]
        return any(
            self.traffic.of(balancer, server.id) and not self.takes_traffic(server, balancer) for balancer in balancers
        )

    def seen(self, group: Group, server: Server) -> Seen:
        reports = self.reports(group, server)
        return Seen(
            server,
            is_alive=server.id not in self.running.ended or server.is_rebooting,
            is_failing=any(r.source == "LoadBalancer" and r.health is Health.DOWN for r in reports),
            is_up=sum_up(reports) is Health.UP,
            age_seconds=(self.now - server.launched_at).total_seconds(),
        )

    def reports(self, group: Group, server: Server) -> tuple[HealthReport, ...]:
        balancers = [self.balancers[key] for key in group.balancer_keys if key in self.balancers]
        return (self._platform(server), *(self.balancer_report(balancer, server) for balancer in balancers))

    def balancer_report(self, balancer: Balancer, server: Server) -> HealthReport:
        stat = self.traffic.of(balancer, server.id)
        if stat is None and server.zone not in balancer.zones:
            return HealthReport("LoadBalancer", Health.OUT_OF_SERVICE, f"does not serve zone {server.zone}")
        is_wanted = server.serves(balancer)
        return report(balancer, stat, is_wanted=is_wanted, launched_at=server.launched_at, now=self.now)

    def instance(self, group: Group, server: Server) -> Instance:
        reports = self.reports(group, server)
        return Instance(
            id=server.id,
            health=sum_up(reports),
            reports=reports,
            zone=server.zone,
            address=f"127.0.0.1:{server.port}",
            launched_at=server.launched_at,
            patched=server.patched,
        )

    def server_group(self, group: Group, servers: Sequence[Server]) -> ServerGroup:
        request = group.request
        return ServerGroup(
            account=group.account,
            region=request.region,
            name=request.name,
            capacity=group.capacity,
            image_id=group.image.id,
            image_name=group.image.name,
            created_at=group.created_at,
            instances=tuple(self.instance(group, server) for server in servers),
            load_balancers=request.load_balancers,
            security_groups=request.security_groups,
            suspended_processes=group.suspended,
            tags=request.tags | {TOKEN_TAG: group.token},
            is_being_destroyed=group.is_being_destroyed,
        )

    def load_balancer(self, balancer: Balancer, bind: str, servers: Sequence[Server]) -> LoadBalancer:
        request = balancer.request
        return LoadBalancer(
            account=balancer.account,
            region=request.region,
            name=request.name,
            listener=request.listener,
            health_check=request.health_check,
            security_groups=request.security_groups,
            address=f"{bind}:{request.listener.port}",
            members=tuple((server.id, self.balancer_report(balancer, server)) for server in servers),
            created_at=balancer.created_at,
            more_listeners=request.more_listeners,
            zones=balancer.zones,
        )

    def _platform(self, server: Server) -> HealthReport:
        if server.is_rebooting and not server.is_leaving:
            return HealthReport("Platform", Health.STARTING, "is being restarted")
        if how := self.running.ended.get(server.id):
            return HealthReport("Platform", Health.DOWN, how)
        if server.is_leaving:
            return HealthReport("Platform", Health.DRAINING, "is being ended")
        if not self.is_alive(server) or server.id not in self.listening:
            return HealthReport("Platform", Health.STARTING, "does not listen yet")
        return HealthReport("Platform", Health.UP)
