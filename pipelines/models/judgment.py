"""A person's answer to a manual judgment: one row a stage, so the first answer is the only one."""

from __future__ import annotations

from django.db import models

from pipelines.models.stage import Stage


class Judgment(models.Model):
    stage = models.OneToOneField(Stage, primary_key=True, on_delete=models.CASCADE, related_name="judgment")
    answer = models.CharField(max_length=10, choices=[("continue", "Go on"), ("stop", "Stop")])
    by = models.CharField(max_length=150)
    at = models.DateTimeField()
    input = models.CharField(max_length=250, blank=True)
    reason = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.by}: {self.answer}"
