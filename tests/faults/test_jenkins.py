"""A worker is killed at each point it comes to while it runs a Jenkins job: the attempt has one build all the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.db import connection, connections

from pipelines.engine.drive import drive
from pipelines.models import Execution
from pipelines.stages.parts.jenkins import MARKER
from tests.faults.crew import Crew
from tests.jenkins import USER, Controller
from tests.pipelines.stages.conftest import World, world
from tests.pipelines.stages.test_jenkins import BUILD, ci

__all__ = ["ci", "world"]

#: Seconds by the engine's clock between two looks, and in which a lease has surely lapsed.
PAUSE, LAPSED = 2, 9
MOST_LOOKS = 60


@pytest.fixture(params=[("version",), ("version", MARKER)], ids=["unmarked", "marked"])
def job(request: pytest.FixtureRequest, ci: Controller) -> Controller:
    """Its builds begin and end as soon as they are asked for."""
    ci.is_quick = True
    ci.job("shop", **dict.fromkeys(request.param, ()))
    return ci


def work(execution: Execution, clock: Path) -> None:
    """Look again and again, in a fork, until it has ended. The clock goes on where the worker before left it."""
    for _ in range(MOST_LOOKS):
        now = int(clock.read_text()) + PAUSE
        clock.write_text(str(now))
        with connection.cursor() as cursor:
            cursor.execute(f"SET spinnaker.clock_offset = '{now} s'")
        drive(execution.pk)
        if Execution.objects.get(pk=execution.pk).ended_at:
            os._exit(0)
    os._exit(3)


def play(world: World, folder: Path, name: str, **fault: str) -> Execution:
    """By a worker that may be killed, and then by one that is not."""
    execution, clock = world.begin(BUILD), folder / f"{name}.clock"
    clock.write_text("0")
    connections.close_all()
    with Crew(folder / "log") as crew:
        crew.add(lambda: work(execution, clock), **fault).wait(60)
        clock.write_text(str(int(clock.read_text()) + LAPSED))
        crew.add(lambda: work(execution, clock)).wait(60)
    execution.refresh_from_db()
    return execution


@pytest.mark.slow
def test_a_worker_killed_at_any_point_leaves_one_build(world: World, job: Controller, tmp_path: Path):
    points = tmp_path / "points"
    assert play(world, tmp_path, "recording", CRASH_RECORD=str(points)).status == "SUCCEEDED"
    names = points.read_text().splitlines()
    assert {"jenkins.start:before", "jenkins.start:after"} <= set(names)
    assert job.count("shop") == 1
    for number in range(1, len(names) + 1):
        job.jobs["shop"].builds.clear()
        died = tmp_path / f"points-{number}"
        execution = play(world, tmp_path, f"at-{number}", CRASH_AT=str(number), CRASH_RECORD=str(died))
        where = f"killed at {number} {names[number - 1]}: {execution.message}"
        assert len(died.read_text().splitlines()) == number, where
        assert execution.status == "SUCCEEDED", where
        assert job.count("shop") == 1, where
        (build,) = job.jobs["shop"].builds
        stage = execution.stages.get()
        assert (stage.context["queuedBuild"], build.user) == (str(build.queue_id), USER), where
