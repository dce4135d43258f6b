"""Keep the rows of all accounts what their providers report: each region as often as it can bear, and what hints ask
for. Regions are read side by side, so that one that does not answer holds up no other.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import django_rq
import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from clusters import inventory, queries
from clusters.core.values import InvalidValue
from clusters.inventory.pace import Pace, Reading
from clusters.models import Account, Freshness, Kind
from clusters.providers.base import ProviderError

log = structlog.get_logger("spinnaker.inventory")

#: Longest pause, in seconds, between two tries to reach Redis or the database.
LONGEST_PAUSE = 30.0
#: Regions read at once, of all accounts and of one.
MOST, MOST_OF_ONE = 8, 3
#: Seconds between two looks for hints.
HINTS_EVERY = 0.5

#: An account's name and a region.
Where = tuple[str, str]


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="between two passes")

    def handle(self, *args: Any, every: float, **options: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            # At once, whatever its threads wait for: a read that is cut short is rolled back and made up by the next.
            signal.signal(number, lambda *_: os._exit(0))
        pool = ThreadPoolExecutor(MOST, "region")
        rounds = Rounds(every, lambda work, *arguments: pool.submit(_connected, work, *arguments))
        accounts = Part("accounts", rounds.begin_due, OperationalError, InterfaceError)
        threading.Thread(target=partial(_or_end, _keep, accounts, every), name="accounts", daemon=True).start()
        # Here, since RQ stops a job that takes too long by a signal.
        _or_end(_keep, Part("hints", take_hints, RedisError), HINTS_EVERY)


def _keep(part: Part, every: float) -> None:
    while True:
        began = time.monotonic()
        close_old_connections()
        part.run(began)
        time.sleep(max(0.0, every - (time.monotonic() - began)))


def _connected(work: Callable[..., object], *args: object) -> None:
    close_old_connections()
    work(*args)


def _or_end(work: Callable[..., object], *args: object) -> None:
    """Half a process would look alive: whoever keeps it running is to start it anew."""
    try:
        work(*args)
    except BaseException:
        log.exception("broke")
        os._exit(1)


class Part:
    """Work that rests on a server which may be away: tried again with growing pauses, told when that changes."""

    def __init__(self, name: str, work: Callable[[], None], *away: type[Exception]) -> None:
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


class Rounds:
    """Has every region read when it is due, each by one at a time; tells when a kind of thing begins or ceases to fail.

    `submit` has a function called with arguments, now or later, here or in another thread.
    """

    def __init__(self, every: float, submit: Callable[..., object]) -> None:
        self._every, self._submit = every, submit
        self._paces: dict[tuple[Where, Kind], Pace] = {}
        self._busy: set[Where] = set()
        self._lock = threading.Lock()
        self._errors: dict[tuple[Where, str], str] = {}

    def begin_due(self) -> None:
        now = time.monotonic()
        for account in Account.objects.enabled():
            pause = _pause_of(account)
            for region in account.regions:
                where = account.name, region
                due = self._due(where, pause, now)
                if due and self._is_taken(where):
                    self._submit(self._visit, where, due)
        self._tell()

    def _is_taken(self, where: Where) -> bool:
        with self._lock:
            of_one = sum(account == where[0] for account, _ in self._busy)
            if where in self._busy or of_one == MOST_OF_ONE:
                return False
            self._busy.add(where)
            return True

    def _due(self, where: Where, pause: float, now: float) -> list[tuple[Kind, Reading]]:
        found = []
        for kind in Kind:
            can_look = kind is Kind.SERVER_GROUPS and pause > 0
            pace = self._paces.setdefault((where, kind), Pace(self._every, pause, can_look))
            if reading := pace.due(now):
                found.append((kind, reading))
        return found

    def _visit(self, where: Where, due: list[tuple[Kind, Reading]]) -> None:
        try:
            for kind, reading in due:
                began = time.monotonic()
                self._read(where, kind, reading)
                self._paces[where, kind].note(reading, began, time.monotonic())
        except (OperationalError, InterfaceError):  # whoever looks for accounts tells that the database is away
            return
        finally:
            with self._lock:
                self._busy.discard(where)

    def _read(self, where: Where, kind: Kind, reading: Reading) -> None:
        try:
            if reading is Reading.FULL:
                inventory.refresh(*where, kind)
            else:
                inventory.look(*where)
        except (OperationalError, InterfaceError):
            raise
        except (ProviderError, InvalidValue):  # of a look: the next full read tells
            return
        except Exception as error:  # a provider that breaks in one account must not stop the others
            message = f"{type(error).__name__}: {error}"
            if self._errors.get((where, kind)) != message:
                log.exception("broke", account=where[0], region=where[1], kind=str(kind))
            inventory.note_failure(*where, kind, message)

    def _tell(self) -> None:
        errors = {((row.account_id, row.region), row.kind): row.error for row in Freshness.objects.all()}
        for (where, kind), error in errors.items():
            about = {"account": where[0], "region": where[1], "kind": kind}
            before = self._errors.get((where, kind))
            if error and error != before:
                log.warning("failing", **about, error=error)
            elif not error and before != error:
                log.info("reading", **about)
        self._errors = errors


def _pause_of(account: Account) -> float:
    """Of an account whose provider is not known there is nothing to spare."""
    try:
        return queries.provider_of(account).pause_seconds
    except InvalidValue:
        return 0.0


class HintWorker(SimpleWorker):
    def _install_signal_handlers(self) -> None:
        """The command has its own."""


def take_hints() -> None:
    """Run the jobs that wait in the queue now (clusters.jobs). Raises RedisError."""
    queue = django_rq.get_queue("inventory")
    if queue.count:
        worker = HintWorker([queue], connection=queue.connection, serializer=JSONSerializer)
        worker.work(burst=True, logging_level="CRITICAL")
