"""One run of a pipeline: its frozen definition, where it stands, and who holds it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from pipelines.core.status import TABLE, Look, Status
from pipelines.models.ids import to_ulid, uuid7
from pipelines.models.pipeline import Pipeline

STATUS_CHOICES = [(status.value, look.word) for status, look in TABLE.items()]
OPEN = (Status.NOT_STARTED, Status.RUNNING, Status.PAUSED)


class ExecutionQuerySet(models.QuerySet["Execution"]):
    def open(self) -> ExecutionQuerySet:
        return self.filter(status__in=OPEN)


class Execution(models.Model):
    """Written by pipelines.engine alone. `application` is a name, so history outlives an application."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    application = models.CharField(max_length=250)
    pipeline = models.ForeignKey(Pipeline, null=True, on_delete=models.SET_NULL, related_name="executions")
    name = models.CharField(max_length=250)
    number = models.PositiveIntegerField()
    spec = models.JSONField()
    spec_version = models.PositiveIntegerField()
    trigger = models.JSONField(default=dict)
    dedupe_key = models.CharField(max_length=200, null=True, unique=True)
    acting_user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    started_by = models.CharField(max_length=150)
    #: The stage that started it (its id), of the same or another application's execution.
    parent_stage = models.UUIDField(null=True)

    status = models.CharField(max_length=20, choices=STATUS_CHOICES, default=Status.NOT_STARTED)
    attempt = models.PositiveIntegerField(default=1)
    message = models.TextField(blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    cancelled_by = models.CharField(max_length=150, blank=True)
    cancel_reason = models.TextField(blank=True)
    attention_reason = models.TextField(blank=True)

    #: When it must be looked at again; NULL: only when somebody wakes it.
    due_at = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_epoch = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    #: Raised by everybody who says something to it from outside; a decision made under an older one is void.
    signal = models.BigIntegerField(default=0)
    last_seq = models.BigIntegerField(default=0)
    #: Claims in a row whose holder vanished without writing anything.
    crashes = models.PositiveIntegerField(default=0)

    objects = ExecutionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(fields=["application", "-created_at"], name="execution_by_application"),
            models.Index(fields=["pipeline", "-number"], name="execution_by_pipeline"),
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="execution_due"),
            models.Index(
                fields=["parent_stage"], condition=models.Q(parent_stage__isnull=False), name="execution_by_parent"
            ),
            models.Index(
                fields=["lease_until"], condition=models.Q(lease_until__isnull=False), name="execution_leased"
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["pipeline", "number"], name="execution_number_once_per_pipeline")
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.number}"

    @property
    def ulid(self) -> str:
        return to_ulid(self.id)

    @property
    def look(self) -> Look:
        return TABLE[Status(self.status)]

    @property
    def is_complete(self) -> bool:
        return Status(self.status).is_complete
