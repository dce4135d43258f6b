"""A deployment's claim on its cluster, from before it looks for its source until its strategy has ended.

Others that would deploy there wait, and a page says for whom. Like a lock it is a row: it outlives a crash, and goes in
the transaction that writes down its owner's end. What an owner has others do there (a custom strategy's pipeline) is
done within its claim, one at a time again: each of them claims the cluster within that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from django.db.models import Q

from clusters.models import ClusterClaim


def acquire(
    key: str,
    owner: str,
    *,
    within: Callable[[], Collection[str]],
    execution_id: str,
    application: str,
    summary: str,
    now: datetime,
) -> ClusterClaim | None:
    """None when the owner holds the claim now, also when they did before; else the claim that is in the way.

    `within` gives the owners that this one acts for; it is asked only where the cluster is claimed. Waits for
    another's open transaction.
    """
    claim = ClusterClaim(
        key=key, owner=owner, execution_id=execution_id, application=application, summary=summary[:255], claimed_at=now
    )
    held = _insert(claim)
    if held.owner == owner:
        return None
    above = within()
    while held.owner in above:
        claim.key = f"{key}@{held.owner}"
        held = _insert(claim)
    return None if held.owner == owner else held


def _insert(claim: ClusterClaim) -> ClusterClaim:
    """The claim that the owner holds now, this one or one from before; else the other one under its key."""
    while True:
        ClusterClaim.objects.bulk_create([claim], ignore_conflicts=True)
        known = ClusterClaim.objects.filter(Q(owner=claim.owner) | Q(key=claim.key))
        for held in sorted(known, key=lambda held: held.owner != claim.owner):
            return held
        # What was in the way was given back a moment ago.


def release(owners: Collection[str]) -> None:
    ClusterClaim.objects.filter(owner__in=owners).delete()


def holder(key: str) -> ClusterClaim | None:
    return ClusterClaim.objects.filter(key=key).first()
