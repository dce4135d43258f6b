"""Renders HAProxy's configuration from what is remembered. Pure: same records, same text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clusters.core.values import HealthCheck, SecurityGroup
from clusters.providers.local.agent.records import Balancer, path_key

GLOBAL = """\
global
  log stderr format raw daemon notice
  maxconn 4096
  nbthread 2
  hard-stop-after 5m
  stats socket {socket} mode 600 level admin expose-fd listeners
  server-state-file {state}

defaults
  load-server-state-from-file global
  balance roundrobin
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
  timeout http-request 30s
  # A generation that is stopping answers idle clients once more before it closes, and is gone soon after this.
  timeout http-keep-alive {keep_alive_seconds}s
  option idle-close-on-response
  # An instance that dies costs nobody a request that may be repeated: another one gets it at once.
  retries 3
  option redispatch 1
"""

FRONTEND = """
frontend in{number}p{port}
  id {id}
  mode {mode}
  bind {address}:{port}
{rules}  default_backend lb{number}
"""

BACKEND = """
backend lb{number}
  id {backend_id}
  mode {mode}
{options}"""

HTTP_OPTIONS = """\
  option http-server-close
  option forwardfor
  retry-on conn-failure empty-response
  http-request disable-l7-retry unless METH_GET || METH_OPTIONS
"""

#: Ids of backends are these and the balancer's number, ids of frontends these and the port.
BACKENDS, FRONTENDS = 100_000, 1_000_000

#: Idle clients of a stopping generation are gone after this.
KEEP_ALIVE_SECONDS = 8


@dataclass(frozen=True, slots=True)
class Member:
    """A server line: instance `name` behind `backend`."""

    backend: str
    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Files:
    socket: Path
    state: Path


def render(
    files: Files,
    bind: str,
    balancers: Sequence[Balancer],
    firewalls: Mapping[str, SecurityGroup],
    members: Sequence[Member],
) -> str:
    parts = [GLOBAL.format(socket=files.socket, state=files.state, keep_alive_seconds=KEEP_ALIVE_SECONDS)]
    for balancer in balancers:
        parts += [_frontend(balancer, listener.port, bind, firewalls) for listener in balancer.listeners]
        parts.append(_backend(balancer, [member for member in members if member.backend == balancer.backend]))
    return "".join(parts)


def check_words(balancer: Balancer) -> str:
    """How a server that is added says that it is checked; empty when the check is off."""
    return f" check {_pace(balancer.check)}" if balancer.check.is_enabled else ""


def _pace(check: HealthCheck) -> str:
    interval = round(check.interval * 1000)
    return f"inter {interval}ms rise {check.healthy_threshold} fall {check.unhealthy_threshold}"


def _frontend(balancer: Balancer, port: int, bind: str, firewalls: Mapping[str, SecurityGroup]) -> str:
    return FRONTEND.format(
        number=balancer.number,
        id=FRONTENDS + port,
        mode=balancer.protocol.lower(),
        address=bind,
        port=port,
        rules=_rules(balancer, port, firewalls),
    )


def _rules(balancer: Balancer, port: int, firewalls: Mapping[str, SecurityGroup]) -> str:
    """No security group leaves the listener open to whoever reaches its address; else only what a rule lets in."""
    names = balancer.request.security_groups
    if not names:
        return ""
    groups = [firewalls[path_key(balancer.account, balancer.request.region, name)] for name in names]
    allowed = sorted(
        {
            rule.cidr
            for group in groups
            for rule in group.rules
            if rule.protocol in ("tcp", "all") and rule.from_port <= port <= rule.to_port
        }
    )
    if not allowed:
        return "  tcp-request connection reject\n"
    lines = [f"  acl is_allowed src {cidr}\n" for cidr in allowed]
    return "".join([*lines, "  tcp-request connection reject unless is_allowed\n"])


def _backend(balancer: Balancer, members: Sequence[Member]) -> str:
    mode = balancer.protocol.lower()
    options = HTTP_OPTIONS if mode == "http" else ""
    options += _check(balancer)
    words = " check" if balancer.check.is_enabled else ""
    options += "".join(f"  server {member.name} 127.0.0.1:{member.port}{words}\n" for member in members)
    return BACKEND.format(number=balancer.number, backend_id=BACKENDS + balancer.number, mode=mode, options=options)


def _check(balancer: Balancer) -> str:
    check = balancer.check
    if not check.is_enabled:
        # What a former check found out would hold for ever.
        return "  load-server-state-from-file none\n"
    text = f"  timeout check {round(check.timeout * 1000)}ms\n  default-server {_pace(check)}\n"
    if check.protocol == "HTTP":
        # Quoted, so that nothing in a path is taken for a variable or a comment.
        text += "  option httpchk\n"
        text += f"  http-check send meth GET uri '{check.path}' ver HTTP/1.1 hdr Host localhost hdr Connection close\n"
    return text
