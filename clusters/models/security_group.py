"""A security group as its provider last reported it."""

from __future__ import annotations

from django.db import models

from clusters.models.inventory_row import InventoryRow


class SecurityGroup(InventoryRow):
    #: The provider's id; equals the name where the cloud has no ids.
    group_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    application = models.CharField(max_length=250, blank=True, db_index=True)
    description = models.TextField(blank=True)
    #: [{"cidr": "10.0.0.0/8", "from_port": 80, "to_port": 80, "protocol": "tcp"}, …].
    rules = models.JSONField(default=list)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["account", "region", "group_id"], name="security_group_once")]

    def __str__(self) -> str:
        return self.name
