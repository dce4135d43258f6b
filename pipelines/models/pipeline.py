"""A pipeline as people keep it: Spinnaker's JSON, word for word, with a version that guards against lost edits."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from clusters.models import Application


class Pipeline(models.Model):
    """`source` is the text as saved (key order survives), `document` the same as JSON. An import leaves `problems`."""

    id = models.CharField(primary_key=True, max_length=200)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="pipelines")
    name = models.CharField(max_length=250)
    source = models.TextField()
    document = models.JSONField()
    version = models.PositiveIntegerField(default=1)
    position = models.IntegerField(default=0)
    is_disabled = models.BooleanField(default=False)
    problems = models.JSONField(default=list, blank=True)
    last_number = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=150)

    class Meta:
        ordering: ClassVar = ["application", "position", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "name"], name="pipeline_name_once_per_application")
        ]

    def __str__(self) -> str:
        return self.name
