"""The text that HAProxy reads, and HAProxy's own opinion of it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clusters.core.values import HealthCheck, Listener, LoadBalancerRequest, Rule, SecurityGroup
from clusters.providers.local.agent.haproxy import binary
from clusters.providers.local.agent.haproxy_config import Files, Member, render
from clusters.providers.local.agent.records import Balancer

REQUEST = LoadBalancerRequest("local", "web", Listener(15001), HealthCheck(path="/h?a=1&b=%20"), ("office", "vpn"))
BALANCER = Balancer(7, "acme", REQUEST, datetime(2026, 1, 1, tzinfo=UTC))
OFFICE = SecurityGroup(
    "acme", "local", "office", "office", rules=(Rule("10.0.0.0/8", 1, 65535), Rule("fd00::/8", 15001, 15001))
)
VPN = SecurityGroup(
    "acme", "local", "vpn", "vpn", rules=(Rule("10.9.0.0/16", 80, 80), Rule("10.8.0.0/16", 1, 65535, "udp"))
)
FIREWALLS = {"acme/local/office": OFFICE, "acme/local/vpn": VPN}


def text(
    balancer: Balancer, *members: Member, firewalls: dict[str, SecurityGroup] = FIREWALLS, folder: Path = Path("/x")
) -> str:
    return render(Files(folder / "socket", folder / "state"), "127.0.0.1", [balancer], firewalls, members)


def with_check(**changes: object) -> Balancer:
    return replace(BALANCER, request=replace(REQUEST, health_check=replace(REQUEST.health_check, **changes)))


def test_only_rules_for_the_port_and_for_tcp_let_in() -> None:
    lines = [line.strip() for line in text(BALANCER).splitlines()]
    assert [line for line in lines if line.startswith("acl")] == [
        "acl is_allowed src 10.0.0.0/8",
        "acl is_allowed src fd00::/8",
    ]
    assert "tcp-request connection reject unless is_allowed" in lines


def test_groups_without_a_rule_let_nobody_in() -> None:
    none = {key: replace(group, rules=()) for key, group in FIREWALLS.items()}
    assert "tcp-request connection reject\n" in text(BALANCER, firewalls=none)


def test_without_a_group_the_listener_is_open() -> None:
    assert "reject" not in text(replace(BALANCER, request=replace(REQUEST, security_groups=())))


def test_each_part_of_a_check_is_in_the_text_without_any_server() -> None:
    """By which it is known that a new generation is needed."""
    changes = (
        {"path": "/other"}, {"protocol": "TCP"}, {"interval": 9.0}, {"timeout": 9.0}, {"healthy_threshold": 9},
        {"unhealthy_threshold": 9}, {"is_enabled": False},
    )  # fmt: skip
    assert len({text(BALANCER), *(text(with_check(**change)) for change in changes)}) == len(changes) + 1


def test_a_check_that_is_off_checks_nothing() -> None:
    off = text(with_check(is_enabled=False), Member("lb7", "i-1", 20001))
    assert "check" not in off.partition("backend lb7")[2]
    assert "server i-1 127.0.0.1:20001\n" in off


@pytest.mark.parametrize(
    "balancer",
    [
        BALANCER,
        with_check(protocol="TCP"),
        with_check(is_enabled=False),
        replace(BALANCER, request=replace(REQUEST, listener=Listener(15001, "TCP"))),
    ],
    ids=["http", "tcp check", "no check", "tcp"],
)
def test_haproxy_takes_it(balancer: Balancer, tmp_path: Path) -> None:
    config = tmp_path / "haproxy.cfg"
    config.write_text(text(balancer, Member("lb7", "i-1", 20001), folder=tmp_path))
    checked = subprocess.run([binary(), "-c", "-f", config], capture_output=True, text=True, cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "[ALERT]" not in checked.stderr
