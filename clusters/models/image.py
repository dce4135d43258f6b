"""An image as its provider last reported it."""

from __future__ import annotations

from django.db import models

from clusters.models.inventory_row import InventoryRow


class Image(InventoryRow):
    image_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    package = models.CharField(max_length=255, blank=True)
    version = models.CharField(max_length=255, blank=True)
    base = models.CharField(max_length=255, blank=True)
    tags = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "name"]
        constraints = [models.UniqueConstraint(fields=["account", "region", "image_id"], name="image_once")]

    def __str__(self) -> str:
        return self.name
