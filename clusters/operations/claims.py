"""A deployment's claim on its cluster, from before it looks for its source until its strategy has ended.

Others that would deploy there wait, and a page says for whom. Like a lock it is a row: it outlives a crash, and goes in
the transaction that writes down its owner's end.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from clusters.models import ClusterClaim


def acquire(key: str, owner: str, *, execution_id: str, application: str, summary: str, now: datetime) -> bool:
    """True when the owner holds the claim now, also when they did before. Waits for another's open transaction."""
    claim = ClusterClaim(
        key=key,
        owner=owner,
        execution_id=execution_id,
        application=application,
        summary=summary[:255],
        claimed_at=now,
    )
    ClusterClaim.objects.bulk_create([claim], ignore_conflicts=True)
    return ClusterClaim.objects.filter(key=key, owner=owner).exists()


def release(owners: Collection[str]) -> None:
    ClusterClaim.objects.filter(owner__in=owners).delete()


def holder(key: str) -> ClusterClaim | None:
    return ClusterClaim.objects.filter(key=key).first()
