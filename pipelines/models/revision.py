"""Every save of a pipeline, kept."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from pipelines.models.pipeline import Pipeline


class PipelineRevision(models.Model):
    pipeline = models.ForeignKey(Pipeline, on_delete=models.CASCADE, related_name="revisions")
    version = models.PositiveIntegerField()
    source = models.TextField()
    author = models.CharField(max_length=150)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-version"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["pipeline", "version"], name="revision_once")]

    def __str__(self) -> str:
        return f"{self.pipeline_id} {self.version}"
