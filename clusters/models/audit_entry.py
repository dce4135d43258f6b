"""One change somebody made (clusters.trust.audit writes it). The database refuses to alter or delete it.

Pruning old entries starts with SET LOCAL spinnaker.pruning = 'on'.
"""

from __future__ import annotations

from django.db import models


class AuditEntry(models.Model):
    at = models.DateTimeField(auto_now_add=True)
    #: No foreign keys: an entry outlives what it tells of.
    actor = models.CharField(max_length=150)
    via = models.CharField(max_length=16)
    action = models.CharField(max_length=100)
    object_type = models.CharField(max_length=50)
    object_id = models.CharField(max_length=255)
    application = models.CharField(max_length=250, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=64, blank=True)
    execution_id = models.CharField(max_length=64, blank=True)
    result = models.CharField(max_length=200)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["application", "-id"], name="audit_by_application")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.object_type} {self.object_id}"
