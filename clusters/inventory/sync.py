"""Make the rows of one place what a report says: one short read, then at most one upsert and one delete per kind."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from clusters.core.digests import digest
from clusters.models import InventoryRow

Row = TypeVar("Row", bound=InventoryRow)
Columns = dict[str, Any]
#: Rows in one statement.
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """An account and region, and when reading them began: what the report says may be as old as that."""

    account: str
    region: str
    read_at: datetime

    def lock(self) -> None:
        """Until the end of the transaction; two reports written at once could deadlock row by row."""
        with connection.cursor() as cursor:
            key = f"inventory:{self.account}:{self.region}"
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])

    def rows(self, model: type[Row]) -> QuerySet[Row]:
        return model._default_manager.filter(account_id=self.account, region=self.region)


@dataclass(frozen=True, slots=True)
class Synced(Generic[Row]):
    """Primary keys of what was wanted, by key, and the rows that were new, different or removed."""

    pks: dict[str, int]
    touched: list[Row]


class _Known(NamedTuple):
    pk: int
    digest: str
    is_newer: bool


def sync(
    place: Place,
    model: type[Row],
    key: str,
    wanted: Mapping[str, Columns],
    *,
    within: Q = Q(),  # noqa: B008
    kept: Collection[str] = frozenset(),
) -> Synced[Row]:
    """`wanted` are columns by the value of the column `key`. What is neither wanted nor `kept` is removed, but only
    `within`.

    A row that differs because of a report begun later than this one stays: a long read of a whole region must not undo
    what was read of one server group right after it was changed.
    """
    known = _known(place, model, key, within)
    digests = {name: digest(columns) for name, columns in wanted.items()}
    written = [
        model(
            account_id=place.account,
            region=place.region,
            changed_at=place.read_at,
            digest=digests[name],
            **{key: name},
            **columns,
        )
        for name, columns in wanted.items()
        if name not in known or (known[name].digest != digests[name] and not known[name].is_newer)
    ]
    if written:
        model._default_manager.bulk_create(
            written,
            BATCH,
            update_conflicts=True,
            unique_fields=["account", "region", key],
            update_fields=["changed_at", "digest", *next(iter(wanted.values()))],
        )
    gone = _remove(model, [one.pk for name, one in known.items() if _is_gone(name, one, wanted, kept)])
    pks = {name: known[name].pk for name in wanted if name in known}
    return Synced(pks | {getattr(row, key): row.pk for row in written}, written + gone)


def _known(place: Place, model: type[Row], key: str, within: Q) -> dict[str, _Known]:
    now = timezone.now()
    rows = place.rows(model).filter(within).order_by().values_list(key, "pk", "digest", "changed_at")
    # What is dated later than now was written by a clock that was wrong: it may not stay for ever.
    return {name: _Known(pk, known, place.read_at < changed_at <= now) for name, pk, known, changed_at in rows}


def _is_gone(name: str, row: _Known, wanted: Mapping[str, Columns], kept: Collection[str]) -> bool:
    return name not in wanted and name not in kept and not row.is_newer


def _remove(model: type[Row], pks: list[int]) -> list[Row]:
    """The rows as they were."""
    if not pks:
        return []
    doomed = model._default_manager.filter(pk__in=pks)
    rows = list(doomed)
    doomed.delete()
    return rows
