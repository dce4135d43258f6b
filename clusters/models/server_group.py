"""A server group as its provider last reported it."""

from __future__ import annotations

from django.db import models

from clusters.core.values import Capacity
from clusters.models.inventory_row import InventoryRow


class ServerGroup(InventoryRow):
    name = models.CharField(max_length=255)
    #: Parts of the name; application is empty when the name does not follow the rule.
    application = models.CharField(max_length=250, blank=True)
    stack = models.CharField(max_length=250, blank=True)
    detail = models.CharField(max_length=250, blank=True)
    cluster = models.CharField(max_length=255)
    sequence = models.PositiveIntegerField(null=True)
    min_size = models.PositiveIntegerField()
    desired_size = models.PositiveIntegerField()
    max_size = models.PositiveIntegerField()
    image_id = models.CharField(max_length=255)
    image_name = models.CharField(max_length=255, blank=True)
    #: What the image was baked from, where the provider knows it.
    package = models.CharField(max_length=255, blank=True)
    version = models.CharField(max_length=255, blank=True)
    is_disabled = models.BooleanField(default=False)
    is_being_destroyed = models.BooleanField(default=False)
    #: Lists of names.
    load_balancers = models.JSONField(default=list)
    security_groups = models.JSONField(default=list)
    suspended_processes = models.JSONField(default=list)
    #: As of clusters.core.scaling.Scaling; {} when nothing changes its size by itself.
    scaling = models.JSONField(default=dict)
    #: Instances by health.
    up = models.PositiveIntegerField(default=0)
    down = models.PositiveIntegerField(default=0)
    starting = models.PositiveIntegerField(default=0)
    out_of_service = models.PositiveIntegerField(default=0)
    draining = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0)
    tags = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    #: What the provider's `changes` takes to be told only what has changed since.
    mark = models.CharField(max_length=64, blank=True, default="", editable=False)

    class Meta:
        ordering = ["-created_at", "-name"]
        constraints = [models.UniqueConstraint(fields=["account", "region", "name"], name="server_group_once")]
        indexes = [models.Index(fields=["application", "account", "cluster"], name="server_group_by_application")]

    def __str__(self) -> str:
        return self.name

    @property
    def capacity(self) -> Capacity:
        return Capacity(self.min_size, self.desired_size, self.max_size)
