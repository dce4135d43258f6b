"""RQ entry points of clusters: hints that may be lost or doubled, so each only says where to look."""

from __future__ import annotations

from clusters import inventory


def refresh(account: str, region: str) -> None:
    inventory.refresh(account, region)
