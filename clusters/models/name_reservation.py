"""A server group's name given to one step before the provider knows of it."""

from __future__ import annotations

from django.db import models


class NameReservation(models.Model):
    account = models.CharField(max_length=100)
    region = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    #: Of the step that creates the server group; the same token gets the same name.
    token = models.CharField(max_length=255, unique=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "region", "name"], name="name_reservation_once")]

    def __str__(self) -> str:
        return self.name
