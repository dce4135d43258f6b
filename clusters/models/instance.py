"""An instance of a server group as its provider last reported it."""

from __future__ import annotations

from django.db import models

from clusters.core.values import Health
from clusters.models.inventory_row import InventoryRow
from clusters.models.server_group import ServerGroup


class Instance(InventoryRow):
    instance_id = models.CharField(max_length=255)
    server_group = models.ForeignKey(ServerGroup, on_delete=models.CASCADE, related_name="instances")
    health = models.CharField(max_length=16, choices=[(health.value, health.value) for health in Health])
    #: What each source says: [{"source": "LoadBalancer", "health": "Up", "reason": ""}, …].
    reports = models.JSONField(default=list)
    zone = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=255, blank=True)
    launched_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["launched_at", "instance_id"]
        constraints = [models.UniqueConstraint(fields=["account", "region", "instance_id"], name="instance_once")]

    def __str__(self) -> str:
        return self.instance_id
