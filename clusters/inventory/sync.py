"""Make the rows of one place what a report says: one read, then at most one upsert and one delete per kind of row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Q, QuerySet

from clusters.models import InventoryRow

Row = TypeVar("Row", bound=InventoryRow)
Columns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """An account and region at the time they were read."""

    account: str
    region: str
    now: datetime

    def lock(self) -> None:
        """Until the end of the transaction; two reports written at once could deadlock row by row."""
        with connection.cursor() as cursor:
            key = f"inventory:{self.account}:{self.region}"
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])

    def rows(self, model: type[Row]) -> QuerySet[Row]:
        return model._default_manager.filter(account_id=self.account, region=self.region)


@dataclass(frozen=True, slots=True)
class Synced(Generic[Row]):
    """`rows` by key as they stand now, `touched` those that were new, different or removed."""

    rows: dict[str, Row]
    touched: list[Row]


def sync(place: Place, model: type[Row], key: str, wanted: dict[str, Columns], *, within: Q = Q()) -> Synced[Row]:  # noqa: B008
    """`wanted` are columns by the value of the column `key`; what is not wanted is removed, but only `within`."""
    rows = {getattr(row, key): row for row in place.rows(model).filter(within)}
    gone = [row for name, row in rows.items() if name not in wanted]
    written = [
        model(account_id=place.account, region=place.region, changed_at=place.now, **{key: name}, **columns)
        for name, columns in wanted.items()
        if name not in rows or _differs(rows[name], columns)
    ]
    if written:
        model._default_manager.bulk_create(
            written,
            update_conflicts=True,
            unique_fields=["account", "region", key],
            update_fields=["changed_at", *next(iter(wanted.values()))],
        )
    if gone:
        model._default_manager.filter(pk__in=[row.pk for row in gone]).delete()
    now = {name: row for name, row in rows.items() if name in wanted} | {getattr(row, key): row for row in written}
    return Synced(now, written + gone)


def _differs(row: InventoryRow, columns: Columns) -> bool:
    return any(getattr(row, name) != value for name, value in columns.items())
