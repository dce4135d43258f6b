"""Which deployment has a cluster to itself until it has ended: at most one at a time."""

from __future__ import annotations

from django.db import models


class ClusterClaim(models.Model):
    #: clusters.operations.server_groups.cluster_key; with @ and an owner: among those who act for that owner.
    key = models.CharField(max_length=512, primary_key=True)
    #: Whoever holds it, as whoever wrote it names itself.
    owner = models.CharField(max_length=255, unique=True)
    execution_id = models.CharField(max_length=32)
    application = models.CharField(max_length=250)
    #: What is being done under it, for whoever waits.
    summary = models.CharField(max_length=255)
    claimed_at = models.DateTimeField()

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return f"{self.key}: {self.summary}"
