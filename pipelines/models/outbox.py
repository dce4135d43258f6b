"""What must be told to somebody outside this database, written in the transaction that makes it true."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Outbox(models.Model):
    """At most one row for each (kind, key); sent at least once."""

    kind = models.CharField(max_length=30)
    key = models.CharField(max_length=250)
    payload = models.JSONField(default=dict)
    due_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "key"], name="outbox_once")]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=models.Q(sent_at__isnull=True), name="outbox_unsent")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
