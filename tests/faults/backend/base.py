"""Every COMMIT passes crash points: `commit:before` and `:after` of a transaction, `write:…` of a statement on its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.db.backends.postgresql import base

from clusters.trust.crashpoints import crashpoint

#: Too many is harmless: a read that is taken for a write is one more place to die at.
_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|TRUNCATE)\b", re.IGNORECASE)


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(_watch)

    def _commit(self) -> None:
        crashpoint("commit:before")
        super()._commit()
        crashpoint("commit:after")


def _watch(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Outside a transaction a statement is its own: PostgreSQL commits before it answers."""
    if context["connection"].in_atomic_block or not _WRITES.search(str(sql)):
        return execute(sql, params, many, context)
    crashpoint("write:before")
    result = execute(sql, params, many, context)
    crashpoint("write:after")
    return result
