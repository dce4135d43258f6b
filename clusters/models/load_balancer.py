"""A load balancer as its provider last reported it."""

from __future__ import annotations

from django.db import models

from clusters.models.inventory_row import InventoryRow


class LoadBalancer(InventoryRow):
    name = models.CharField(max_length=255)
    application = models.CharField(max_length=250, blank=True, db_index=True)
    #: Of its first listener.
    port = models.PositiveIntegerField()
    protocol = models.CharField(max_length=8)
    #: The others: [{"port": 8443, "protocol": "TCP"}, …].
    more_listeners = models.JSONField(default=list)
    #: Those whose instances get traffic from it.
    zones = models.JSONField(default=list)
    #: Fields of clusters.core.values.HealthCheck.
    health_check = models.JSONField(default=dict)
    security_groups = models.JSONField(default=list)
    #: host:port where clients reach it.
    address = models.CharField(max_length=255, blank=True)
    #: [{"instance": id, "health": "Up", "reason": ""}, …].
    members = models.JSONField(default=list)
    created_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["account", "region", "name"], name="load_balancer_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def ports(self) -> list[int]:
        return [self.port, *(listener["port"] for listener in self.more_listeners)]
