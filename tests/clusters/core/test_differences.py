"""What changes, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from clusters.core.differences import differences
from clusters.core.values import (
    Capacity,
    Health,
    HealthCheck,
    HealthReport,
    Instance,
    Listener,
    LoadBalancer,
    Rule,
    SecurityGroup,
    ServerGroup,
)

CHECK = HealthCheck(path="/health")
BALANCER = LoadBalancer("acme", "local", "web", Listener(80), CHECK, ("office",), "host:80", zones=("a", "b"))
FIREWALL = SecurityGroup("acme", "local", "office", "office", rules=(Rule("10.0.0.0/8", 80, 443),))
GROUP = ServerGroup(
    "acme", "local", "web-v000", Capacity(0, 1, 2), "img", "shop-1", datetime(2026, 1, 1, tzinfo=UTC),
    (Instance("i-1", Health.UP, (HealthReport("LoadBalancer", Health.UP),)),), ("web",),
)  # fmt: skip
OUT = Instance("i-1", Health.OUT_OF_SERVICE, (HealthReport("LoadBalancer", Health.OUT_OF_SERVICE),))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (None, BALANCER, ["is created"]),
        (BALANCER, None, ["is deleted"]),
        (BALANCER, replace(BALANCER, members=(("i-1", HealthReport("LoadBalancer", Health.UP)),)), []),
        (
            BALANCER,
            replace(BALANCER, listener=Listener(81), more_listeners=(Listener(80),), address="host:81"),
            ["listens on port 81 (HTTP)", "address changes from host:80 to host:81"],
        ),
        (
            BALANCER,
            replace(BALANCER, listener=Listener(80, "TCP"), zones=("a",), security_groups=()),
            [
                "no longer listens on port 80 (HTTP)",
                "listens on port 80 (TCP)",
                "security groups changes from office to none",
                "zones changes from a, b to a",
            ],
        ),
        (
            BALANCER,
            replace(BALANCER, health_check=replace(CHECK, path="/", unhealthy_threshold=5, is_enabled=False)),
            [
                "health check path changes from /health to /",
                "health check unhealthy threshold changes from 2 to 5",
                "health check is enabled changes from on to off",
            ],
        ),
        (
            FIREWALL,
            replace(FIREWALL, rules=(Rule("", 22, 22, group="admins"),), description="shut"),
            [
                "no longer lets in 10.0.0.0/8 by tcp to 80-443",
                "lets in members of admins by tcp to 22",
                "description changes from nothing to shut",
            ],
        ),
        (GROUP, replace(GROUP, instances=(OUT,)), ["gets no more traffic for"]),
        (GROUP, replace(GROUP, instances=(replace(OUT, id="i-2"),)), ["loses instances"]),
    ],
)
def test_what_becomes_of_a_thing_is_said_field_by_field(old: object, new: object, told: list[str]) -> None:
    kind = type(old or new)
    names = {LoadBalancer: "load balancer", SecurityGroup: "firewall", ServerGroup: "server group"}
    key = (names[kind], "acme", "local", "it")
    before, after = ({key: value} if value else {} for value in (old, new))
    assert [difference.what for difference in differences(before, after)] == told
