"""An execution as expressions see it, made of rows and with secrets masked, to try an expression on it.

What a reader may not see on a page, no expression may tell piece by piece: all is masked before it is evaluated.
"""

from __future__ import annotations

from datetime import datetime

from clusters.trust.permissions import Actor
from clusters.trust.redaction import masked
from pipelines.core import snapshot
from pipelines.core.expressions import Context
from pipelines.core.scope import context_of
from pipelines.core.status import Status
from pipelines.engine.directory import Directory
from pipelines.engine.store import newest_attempts
from pipelines.models import Execution, Stage


def context(actor: Actor, execution: Execution, ref: str, now: datetime) -> Context | None:
    """As the stage of that ref sees it, or, for "", as it stands after the last; None when there is no such stage.

    Other applications and pipelines are known as far as the one who tries may see them.
    """
    stages = newest_attempts(map(_stage, Stage.objects.filter(execution=execution).order_by("position", "attempt")))
    picked = next((stage for stage in stages.values() if stage.ref == ref), None)
    if ref and picked is None:
        return None
    whole = snapshot.Execution(
        execution.ulid,
        execution.application,
        Status(execution.status),
        trigger=masked(execution.trigger),
        name=execution.name,
        pipeline_id=execution.pipeline_id,
        started_by=execution.started_by,
        directory=Directory(actor),
        started_at=execution.started_at,
        ended_at=execution.ended_at,
    )
    return context_of(whole, stages, picked, now)


def _stage(row: Stage) -> snapshot.Stage:
    return snapshot.Stage(
        str(row.pk),
        row.ref,
        row.attempt,
        row.type_key,
        row.name,
        Status(row.status),
        position=row.position,
        parent_id=str(row.parent_id) if row.parent_id else None,
        owner=row.owner,
        requisites=tuple(row.requisites),
        context=masked(row.context),
        outputs=masked(row.outputs),
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
