"""One change to a cluster at a time. A lock is a row, so it outlives a crash; whoever sees its owner ended frees it."""

from __future__ import annotations

from clusters.models import OpLock


def acquire(key: str, owner: str, summary: str) -> bool:
    """True when the owner holds the lock now, also when they did before. Waits for another's open transaction.

    Call it in the transaction that writes down what the lock is for, so that both stand or fall together.
    """
    OpLock.objects.bulk_create([OpLock(key=key, owner=owner, summary=summary[:255])], ignore_conflicts=True)
    return OpLock.objects.filter(key=key, owner=owner).exists()


def release(key: str, owner: str) -> None:
    """Somebody else's lock stays; releasing twice is fine."""
    OpLock.objects.filter(key=key, owner=owner).delete()


def holder(key: str) -> str:
    """What is being done under the lock, for whoever waits; empty when nobody holds it."""
    held = OpLock.objects.filter(key=key).first()
    return held.summary or held.owner if held else ""
