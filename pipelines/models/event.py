"""An execution's history, one line a move. Insert only: a database trigger refuses changes."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from pipelines.models.execution import Execution


class Event(models.Model):
    """`status` is what the thing named by `kind` became, `epoch` the lease it was written under (0: a person)."""

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="events")
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    epoch = models.BigIntegerField()
    kind = models.CharField(max_length=20)
    status = models.CharField(max_length=20)
    ref = models.CharField(max_length=200, blank=True)
    attempt = models.PositiveIntegerField(default=1)
    step = models.CharField(max_length=100, blank=True)
    message = models.TextField(blank=True)
    actor = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering: ClassVar = ["execution", "seq"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["execution", "seq"], name="event_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.ref} {self.status}"
