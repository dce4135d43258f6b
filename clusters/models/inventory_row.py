"""What all rows that cache a provider's report have in common."""

from __future__ import annotations

from django.db import models

from clusters.models.account import Account


class InventoryRow(models.Model):
    """What a provider reported, keyed by account, region and the provider's own key; only the inventory writes it."""

    #: `account_id` is the account's name.
    account = models.ForeignKey(Account, on_delete=models.CASCADE, to_field="name", related_name="+")
    region = models.CharField(max_length=64)
    #: When reading of the report began that last differed from the row before; how old it can be is told by Freshness.
    changed_at = models.DateTimeField()
    #: Of all that was reported, so that an equal report is known as such without reading the row.
    digest = models.CharField(max_length=32, blank=True, default="", editable=False)

    class Meta:
        abstract = True
