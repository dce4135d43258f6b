"""A long job beside an execution: submitted by an effect, run once by a worker of its own, followed by a step."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from pipelines.models.ids import uuid7
from pipelines.models.stage import Stage

#: Characters of a log that are kept: its end.
LOG_CHARACTERS = 64 * 1024


class WorkStatus(models.TextChoices):
    QUEUED = "QUEUED", "Queued"
    RUNNING = "RUNNING", "Running"
    SUCCEEDED = "SUCCEEDED", "Succeeded"
    FAILED = "FAILED", "Failed"
    CANCELED = "CANCELED", "Cancelled"

    @property
    def is_open(self) -> bool:
        return self in (WorkStatus.QUEUED, WorkStatus.RUNNING)


class EngineNow(models.Func):
    """The database's instant."""

    function = "engine_now"
    output_field = models.DateTimeField()


class WorkQuerySet(models.QuerySet["Work"]):
    def submit(
        self, token: str, kind: str, request: dict[str, Any], *, stage_id: str, outlives_stage: bool = False
    ) -> None:
        """Have it done once. The same token again changes nothing."""
        row = Work(
            token=token,
            kind=kind,
            request=request,
            stage_id=stage_id,
            outlives_stage=outlives_stage,
            created_at=EngineNow(),
        )
        self.bulk_create([row], ignore_conflicts=True)


class Work(models.Model):
    """`kind` is a key of pipelines.work.KINDS, `request` and `result` are that kind's. Only the engine changes it.

    It runs while its stage does, or, when it `outlives_stage`, until its execution is cancelled.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    stage = models.ForeignKey(Stage, on_delete=models.CASCADE, related_name="works")
    kind = models.CharField(max_length=30)
    token = models.CharField(max_length=64, unique=True)
    request = models.JSONField()
    outlives_stage = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=WorkStatus.choices, default=WorkStatus.QUEUED)
    message = models.TextField(blank=True)
    result = models.JSONField(default=dict)
    #: The end of what it printed, without secrets; `log_cut` characters before that are gone.
    log = models.TextField(blank=True)
    log_cut = models.BigIntegerField(default=0)

    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_epoch = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)

    objects = WorkQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "work"
        default_permissions = ()
        permissions: ClassVar = [("run_script", "May run scripts on this installation's workers")]
        indexes: ClassVar = [
            models.Index(fields=["created_at"], condition=models.Q(status__in=["QUEUED", "RUNNING"]), name="work_open")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.token}"

    @property
    def is_open(self) -> bool:
        return WorkStatus(self.status).is_open


def wait_key(token: str) -> str:
    """What a step waits under (Running.wait_key) until the work of that token has ended."""
    return f"{WAIT_PREFIX}{token}"


WAIT_PREFIX = "work:"
