"""Which addresses may be called. Pure but for the resolver, which is handed in.

An address is judged by what it leads to: IPv4 inside IPv6 (mapped, 6to4, NAT64) counts as that IPv4.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Where clouds hand out credentials: never called, whatever a list says.
METADATA = frozenset(
    map(ipaddress.ip_address, ("169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254", "fd00:ec2::23"))
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be called although it is not public: networks, and names of hosts ("ci.internal", "*.internal")."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def read(cls, entries: Sequence[str]) -> Allowed:
        """Raises ValueError for a malformed network. What is no address or network is a host's name."""
        networks, hosts = [], set()
        for entry in filter(None, map(str.strip, entries)):
            if entry[0].isdigit() or ":" in entry:
                networks.append(ipaddress.ip_network(entry, strict=False))
            else:
                hosts.add(entry.lower().rstrip("."))
        return cls(tuple(networks), frozenset(hosts))

    def names(self, host: str) -> bool:
        """True when the host is listed by its name, or as "*." and any of the domains it lies in."""
        return matches_host(host, self.hosts)

    def holds(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self.networks)


def matches_host(host: str, patterns: frozenset[str] | Sequence[str]) -> bool:
    """Patterns are names, or "*.example.org" for all below it; case does not count."""
    host = host.lower().rstrip(".")
    labels = host.split(".")
    wild = {"*." + ".".join(labels[n:]) for n in range(1, len(labels))}
    return any(pattern.lower() == host or pattern.lower() in wild for pattern in patterns)


def why_not(text: str, host: str, allowed: Allowed) -> str:
    """Why the address that `host` resolved to may not be called; "" when it may."""
    try:
        address = _meant(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return f"{text} is no address"
    if address in METADATA:
        return f"{address} hands out credentials of this host"
    if allowed.names(host) or allowed.holds(address):
        return ""
    if address.is_multicast or not address.is_global:
        return f"{address} is not a public address"
    return ""


def is_listed(text: str, host: str, allowed: Allowed) -> bool:
    """True when an operator has named this host or its address; that also allows plain HTTP."""
    return allowed.names(host) or allowed.holds(_meant(ipaddress.ip_address(text.partition("%")[0])))


def _meant(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour
        if inside is None and address in _NAT64:
            inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return inside or address
    return address
