"""Who did what: one row per change, written in the transaction that makes the change, never altered afterwards.

The row's model lives above this package (clusters.models.audit_entry), so it is looked up by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

from django.apps import apps
from django.db import transaction
from django.db.models import Model

from clusters.trust.permissions import Actor
from clusters.trust.redaction import masked

Json = Mapping[str, Any]


class Request(NamedTuple):
    """Where a change came from; empty when it did not come by HTTP."""

    id: str = ""
    address: str = ""


NO_REQUEST = Request()
#: Set by the web layer for the length of a request.
REQUEST: ContextVar[Request] = ContextVar("audit_request", default=NO_REQUEST)


def record(
    actor: Actor,
    action: str,
    target: Model | tuple[str, str],
    before: Json | None = None,
    after: Json | None = None,
    *,
    application: str | None = None,
    execution_id: str = "",
    result: str = "done",
) -> None:
    """Insert the audit row in the caller's transaction; `target` is a row or (type, id).

    Secrets in `before` and `after` are masked. Raises RuntimeError outside of a transaction: an effect and its
    entry stand or fall together.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("audit.record needs an open transaction")
    kind, key = target if isinstance(target, tuple) else (target._meta.model_name or "", str(target))
    request = REQUEST.get()
    apps.get_model("clusters", "AuditEntry").objects.create(
        actor=actor.username,
        via=actor.via,
        action=action,
        object_type=kind,
        object_id=key,
        application=application or "",
        before=masked(before),
        after=masked(after),
        request_id=request.id,
        address=request.address,
        execution_id=execution_id,
        result=result,
    )
