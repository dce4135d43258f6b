"""PostgreSQL is restarted during a run, at once and without asking anybody, as after a power cut."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from clusters.providers.local.children import Child
from spinnaker_web.embedded.postgres import Postgres
from tests.faults.case import Played, side_by_side
from tests.faults.ground import Ground, set_lease
from tests.faults.ledger import Ledger
from tests.faults.programs import driving
from tests.faults.watch import Watch, follow

RUNS = 3
#: As many as there is time for until the runs end, two at least.
MOST_RESTARTS = 4
#: Seconds between two restarts.
PACE = 1.5
#: Workers get along without a database for three quarters of it.
LEASE_SECONDS = 2.0


@pytest.mark.long
def test_runs_survive_restarts_of_postgresql(ground: Ground, recording: Played, tmp_path: Path) -> None:
    ((ledgers, restarts),) = side_by_side(ground, run_through_restarts, [tmp_path], at_once=1)
    assert restarts >= 2
    assert ledgers == [recording.ledger] * RUNS


def run_through_restarts(ground: Ground, folder: Path) -> tuple[list[Ledger], int]:
    set_lease(LEASE_SECONDS)
    server = Restartable(folder / "postgres")
    names = [f"restart{number}" for number in range(RUNS)]
    with ExitStack() as stack:
        stack.callback(server.child.stop)
        server.use()
        workers = stack.enter_context(driving(ground, ground.folder / "restarts.log", settings.REDIS_URL))
        for name in names:
            stack.enter_context(ground.cleared(name))
        watches = [Watch(ground.start(name)) for name in names]
        follow(watches, lambda: (workers.check(), server.restart_now_and_then()))
        return [Ledger.of(watch, ground) for watch in watches], server.restarts


class Restartable:
    """A server that keeps what it was told to keep: not a throwaway."""

    def __init__(self, folder: Path) -> None:
        self._server = Postgres(folder)
        self._server.initialise()
        self._log = folder / "log"
        self.child = self._start()
        self.restarts = 0
        self._due_at = time.monotonic() + PACE

    def _start(self) -> Child:
        child = Child(self._server.command(self._log))
        self._server.wait_until_ready(child)
        return child

    def use(self) -> None:
        """As this process's database, with all tables."""
        url = urlsplit(self._server.url)
        facts = {"HOST": url.hostname, "PORT": url.port, "USER": url.username, "PASSWORD": url.password}
        connections.settings["default"].update(facts, NAME=url.path[1:])
        connections.close_all()
        call_command("migrate", verbosity=0)

    def restart_now_and_then(self) -> None:
        if self.restarts == MOST_RESTARTS or time.monotonic() < self._due_at:
            return
        self.child.signal(signal.SIGQUIT)  # what pg_ctl calls "immediate": no goodbye, no checkpoint
        self.child.wait(grace_seconds=10)
        self.child = self._start()
        self.restarts += 1
        self._due_at = time.monotonic() + PACE
