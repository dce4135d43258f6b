"""RQ entry points of clusters: hints that may be lost or doubled, so each only says where to look."""

from __future__ import annotations

from clusters import inventory


def refresh(account: str, region: str, changed: str) -> None:
    """`changed` is the lock that a change was made under, without its place: a cluster, or a kind and a name."""
    match changed.rpartition("/"):
        case "load-balancer", _, name:
            inventory.refresh_load_balancer(account, region, name)
        case "security-group", _, name:
            inventory.refresh_security_group(account, region, name)
        case _:
            inventory.refresh_cluster(account, region, changed)
