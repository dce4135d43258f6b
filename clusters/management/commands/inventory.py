"""Keep the rows of all accounts what their providers report: a pass every few seconds, and what hints ask for."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import django_rq
import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from clusters import inventory
from clusters.models import Account, Freshness

log = structlog.get_logger("spinnaker.inventory")

#: Longest pause, in seconds, between two tries to reach Redis or the database.
LONGEST_PAUSE = 30.0


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="between two passes")

    def handle(self, *args: Any, every: float, **options: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            # At once, wherever it is: a refresh that is cut short is rolled back and made up by the next one.
            signal.signal(number, lambda *_: sys.exit(0))
        accounts = Part("accounts", Watch().refresh_all, DatabaseError)
        hints = Part("hints", take_hints, RedisError)
        while True:
            started = time.monotonic()
            close_old_connections()
            for part in (accounts, hints):
                part.run(started)
            time.sleep(max(0.0, every - (time.monotonic() - started)))


class Part:
    """Work that rests on a server which may be away: tried again with growing pauses, told when that changes."""

    def __init__(self, name: str, work: Callable[[], None], away: type[Exception]) -> None:
        self._name, self._work, self._away = name, work, away
        self._pause = self._not_before = 0.0

    def run(self, now: float) -> None:
        if now < self._not_before:
            return
        try:
            self._work()
        except self._away as error:
            if not self._pause:
                log.warning("away", part=self._name, error=str(error))
            self._pause = min(max(1.0, self._pause * 2), LONGEST_PAUSE)
            self._not_before = now + self._pause
        else:
            if self._pause:
                log.info("back", part=self._name)
            self._pause = 0.0


class Watch:
    """One pass after the other over every account and region; tells when a place begins or ceases to fail."""

    def __init__(self) -> None:
        self._errors: dict[tuple[str, str], str] = {}

    def refresh_all(self) -> None:
        for account in Account.objects.enabled():
            for region in account.regions:
                self._refresh(account.name, region)
        self._tell()

    def _refresh(self, account: str, region: str) -> None:
        try:
            inventory.refresh(account, region)
        except DatabaseError:
            raise
        except Exception as error:  # a provider that breaks in one account must not stop the others
            message = f"{type(error).__name__}: {error}"
            if self._errors.get((account, region)) != message:
                log.exception("broke", account=account, region=region)
            inventory.note_failure(account, region, message)

    def _tell(self) -> None:
        errors = {(row.account_id, row.region): row.error for row in Freshness.objects.all()}
        for (account, region), error in errors.items():
            before = self._errors.get((account, region))
            if error and error != before:
                log.warning("failing", account=account, region=region, error=error)
            elif not error and before != error:
                log.info("reading", account=account, region=region)
        self._errors = errors


class HintWorker(SimpleWorker):
    def _install_signal_handlers(self) -> None:
        """The command has its own."""


def take_hints() -> None:
    """Run the jobs that wait in the queue now (clusters.jobs). Raises RedisError."""
    queue = django_rq.get_queue("inventory")
    if queue.count:
        worker = HintWorker([queue], connection=queue.connection, serializer=JSONSerializer)
        worker.work(burst=True, logging_level="CRITICAL")
