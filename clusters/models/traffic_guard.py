"""A traffic guard: no stage or button may take the last healthy, enabled server group of these clusters away."""

from __future__ import annotations

from django.db import models

from clusters.core.guarding import ANY, Guard
from clusters.models.application import Application


class TrafficGuard(models.Model):
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="traffic_guards")
    account = models.CharField(max_length=100, default=ANY, help_text="* for any.")
    location = models.CharField("region", max_length=64, default=ANY, help_text="* for any.")
    stack = models.CharField(max_length=250, blank=True, help_text="* for any; empty for clusters without one.")
    detail = models.CharField(max_length=250, blank=True, help_text="* for any; empty for clusters without one.")
    is_enabled = models.BooleanField("enabled", default=True)

    class Meta:
        ordering = ["account", "location", "stack", "detail"]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "account", "location", "stack", "detail"], name="traffic_guard_once"
            )
        ]

    def __str__(self) -> str:
        return " ".join((self.account, self.location, self.stack or "-", self.detail or "-"))

    @property
    def value(self) -> Guard:
        return Guard(self.account, self.location, self.stack, self.detail, self.is_enabled)
