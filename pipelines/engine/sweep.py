"""What nobody was told about: executions that are due or whose worker is gone."""

from __future__ import annotations

import uuid

from django.db import connection

PAGE = 200

_DUE = """
SELECT id FROM pipelines_execution
WHERE status IN ('NOT_STARTED', 'RUNNING') AND attention_reason = ''
  AND (due_at <= engine_now() OR lease_until IS NOT NULL)
  AND (lease_until IS NULL OR lease_until < engine_now())
ORDER BY due_at NULLS FIRST LIMIT %s
"""

_NEXT = """
SELECT extract(epoch FROM least(
  (SELECT min(due_at) FROM pipelines_execution
   WHERE due_at > engine_now() AND lease_until IS NULL AND status IN ('NOT_STARTED', 'RUNNING')
     AND attention_reason = ''),
  (SELECT min(lease_until) FROM pipelines_execution WHERE lease_until > engine_now())
) - engine_now())
"""


def due() -> list[uuid.UUID]:
    """Executions to drive now, the longest due first, at most PAGE."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [PAGE])
        return [row[0] for row in cursor.fetchall()]


def seconds_to_next() -> float | None:
    """Seconds until something falls due or a lease lapses; None when nothing will."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT)
        (seconds,) = cursor.fetchone()
    return None if seconds is None else max(0.0, float(seconds))
