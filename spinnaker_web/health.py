"""/health: this process answers. /ready: it can also work, so traffic may come."""

from __future__ import annotations

import functools
from typing import Any

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import JsonResponse

from clusters.trust.requests import Request


@login_not_required
def health(request: Request) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@login_not_required
def ready(request: Request) -> JsonResponse:
    """503 until the database answers with all migrations. Redis is told, not asked for: without it hints are late."""
    problem = _database_problem()
    report: dict[str, Any] = {"status": problem or "ok", "redis": _redis_state()}
    return JsonResponse(report, status=503 if problem else 200)


def _database_problem() -> str:
    try:
        applied = MigrationRecorder(connection).applied_migrations()
    except DatabaseError:
        return "the database does not answer"
    missing = _known_migrations() - set(applied)
    return f"{len(missing)} migrations are not applied" if missing else ""


@functools.cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)


def _redis_state() -> str:
    try:
        with redis.from_url(settings.REDIS_URL, socket_connect_timeout=0.1, socket_timeout=0.1) as client:
            client.ping()
    except redis.RedisError:
        return "off"
    return "on"
