"""Who is changing a cluster right now: at most one at a time."""

from __future__ import annotations

from django.db import models


class OpLock(models.Model):
    #: clusters.operations.server_groups.cluster_key.
    key = models.CharField(max_length=512, primary_key=True)
    owner = models.CharField(max_length=255)
    #: What the owner is doing, for whoever waits.
    summary = models.CharField(max_length=255, blank=True)
    acquired_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "operation lock"

    def __str__(self) -> str:
        return f"{self.key} held by {self.owner}"
