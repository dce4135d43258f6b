"""A node of an execution. A restart inserts rows of the next attempt; old rows stay."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from pipelines.core.status import TABLE, Look, Status
from pipelines.models.execution import STATUS_CHOICES, Execution


class Stage(models.Model):
    id = models.UUIDField(primary_key=True, editable=False)
    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="stages")
    ref = models.CharField(max_length=200)
    attempt = models.PositiveIntegerField(default=1)
    type_key = models.CharField(max_length=100)
    name = models.CharField(max_length=250)
    status = models.CharField(max_length=20, choices=STATUS_CHOICES, default=Status.NOT_STARTED)
    position = models.PositiveIntegerField(default=0)
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children")
    owner = models.CharField(max_length=10, blank=True)
    requisites = models.JSONField(default=list)
    context = models.JSONField(default=dict)
    outputs = models.JSONField(default=dict)
    phase = models.CharField(max_length=10, blank=True)
    failing_as = models.CharField(max_length=20, blank=True, null=True)
    message = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    is_skip_requested = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["execution", "ref", "attempt"], name="stage_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def look(self) -> Look:
        return TABLE[Status(self.status)]
