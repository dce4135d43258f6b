"""The ledger of what was looked at and done: one row a step, an effect's request written before the call."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from pipelines.models.stage import Stage


class Step(models.Model):
    id = models.UUIDField(primary_key=True, editable=False)
    stage = models.ForeignKey(Stage, on_delete=models.CASCADE, related_name="steps")
    n = models.PositiveIntegerField()
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10)
    status = models.CharField(max_length=10)
    token = models.CharField(max_length=64, unique=True)
    intent = models.JSONField(null=True)
    lock = models.CharField(max_length=500, blank=True)
    tries = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    wait_key = models.CharField(max_length=100, blank=True)
    waiting_for = models.TextField(blank=True)
    message = models.TextField(blank=True)
    deadline = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["stage", "n"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["stage", "n"], name="step_once")]
        indexes: ClassVar = [
            models.Index(fields=["wait_key"], condition=~models.Q(wait_key=""), name="step_waiting"),
        ]

    def __str__(self) -> str:
        return self.name
