"""Long work through what happens to its worker: killed, stopped past its lease, and its database restarted."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import Error, connection

from clusters.models import Application
from clusters.trust.isolation import Isolation
from clusters.trust.permissions import actor_of
from pipelines.core.definition import read
from pipelines.engine import admit
from pipelines.engine import work as engine
from pipelines.models import Execution, Work
from pipelines.work import script
from tests.faults.case import side_by_side
from tests.faults.crew import Crew, Worker, drive
from tests.faults.ground import Ground, set_lease
from tests.faults.test_database import Restartable
from tests.processes import carrying, eventually

if script.host().isolation is Isolation.NONE:
    pytest.skip("this host allows no isolation", allow_module_level=True)

LOST = f"Count: {script.LOST}"


def do_work() -> None:
    """What `manage.py work` does, but listening for hints."""
    settings.SCRIPTS = True
    signal.signal(signal.SIGTERM, lambda *_: (engine.STOPPING.set(), engine.nudge()))
    engine.run()


def begin(command: str) -> Execution:
    document = {"name": "Try", "stages": [{"refId": "1", "type": "script", "name": "Count", "command": command}]}
    Application.objects.get_or_create(name="shop")
    actor = actor_of(get_user_model().objects.get_or_create(username="ada", is_superuser=True)[0])
    return admit.admit(admit.Admission("shop", read(document), document, actor))[0]


def ended(execution: Execution, seconds: float = 15) -> tuple[str, str]:
    def is_over() -> bool:
        execution.refresh_from_db()
        return execution.is_complete

    assert eventually(is_over, seconds), f"{execution} is still {execution.status}"
    return execution.status, execution.message


class Bench:
    """A driver, and a worker that runs scripts."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.marker = f"work-{time.time_ns()}"
        crew.add(drive)
        self.worker = self.add()

    def add(self, **environ: str) -> Worker:
        return self.crew.add(do_work, SPINNAKER_MARKER=self.marker, **environ)

    def begin(self, command: str = "echo begun; sleep 60") -> Execution:
        execution = begin(command)
        assert eventually(lambda: Work.objects.filter(log__startswith="begun").exists(), 15), "it never began"
        return execution

    def leftovers(self) -> list[int]:
        crew = {worker.pid for worker in self.crew._workers}
        return [pid for pid in carrying(self.marker) if pid not in crew]


@contextmanager
def benched(ground: Ground, name: str) -> Iterator[Bench]:
    set_lease(1.0)
    with Crew(ground.folder / f"{name}.log") as crew:
        yield Bench(crew)


def killed(ground: Ground, name: str) -> None:
    with benched(ground, name) as bench:
        execution = bench.begin()
        bench.worker.signal(signal.SIGKILL)
        assert eventually(lambda: not bench.leftovers()), "the script outlived its worker"
        bench.add()
        began = time.monotonic()
        assert ended(execution) == ("TERMINAL", LOST)
        assert time.monotonic() - began < 4
        assert Work.objects.get().log == "begun\n"


def test_a_killed_worker_takes_its_script_along_and_the_next_one_fails_it(ground: Ground) -> None:
    side_by_side(ground, killed, ["killed"], at_once=1)


def crashed(ground: Ground, name: str) -> None:
    with benched(ground, name) as bench:
        bench.worker.signal(signal.SIGTERM)
        for point in ("work:claimed", "work:ended"):
            worker = bench.add(CRASH_AT="1", CRASH_FROM=point)
            execution = begin("echo begun")
            assert eventually(lambda worker=worker: not worker.is_running, 15), f"it never came to {point}"
            next_one = bench.add()
            assert ended(execution) == ("TERMINAL", LOST), point
            next_one.signal(signal.SIGTERM)


def test_a_worker_killed_before_it_began_or_before_it_told_the_end_costs_no_second_run(ground: Ground) -> None:
    side_by_side(ground, crashed, ["crashed"], at_once=1)


def stopped(ground: Ground, name: str) -> None:
    with benched(ground, name) as bench:
        execution = bench.begin()
        bench.worker.signal(signal.SIGSTOP)
        bench.add()
        assert ended(execution) == ("TERMINAL", LOST)
        told = Work.objects.values().get()
        bench.worker.signal(signal.SIGCONT)
        assert eventually(lambda: not bench.leftovers()), "its script goes on"
        assert Work.objects.values().get() == told


def test_a_worker_that_stood_still_past_its_lease_ends_its_script_and_writes_nothing(ground: Ground) -> None:
    side_by_side(ground, stopped, ["stopped"], at_once=1)


def asked(ground: Ground, name: str) -> None:
    with benched(ground, name) as bench:
        execution = bench.begin()
        bench.worker.signal(signal.SIGTERM)
        assert bench.worker.wait(4) == 0
        assert bench.leftovers() == []
        assert ended(execution)[1] == "Count: Its worker was asked to end, so it was ended in the middle."


def test_a_worker_asked_to_leave_ends_its_script_and_says_so(ground: Ground) -> None:
    side_by_side(ground, asked, ["asked"], at_once=1)


def restarted(ground: Ground, folder: Path) -> None:
    set_lease(4.0)
    server = Restartable(folder / "postgres")
    with ExitStack() as stack:
        stack.callback(server.child.stop)
        server.use()
        crew = stack.enter_context(Crew(ground.folder / "restarted.log"))
        bench = Bench(crew)
        execution = bench.begin("echo begun; sleep 4; echo over")
        server._due_at = 0
        server.restart_now_and_then()
        assert ended_through_restart(execution) == ("SUCCEEDED", "")
        assert Work.objects.get().log == "begun\nover\n"


@pytest.mark.long
def test_a_script_goes_on_through_a_restart_of_the_database(ground: Ground, tmp_path: Path) -> None:
    side_by_side(ground, restarted, [tmp_path], at_once=1)


def ended_through_restart(execution: Execution) -> tuple[str, str]:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            return ended(execution)
        except Error:
            connection.close()
    raise AssertionError("the database did not come back")
