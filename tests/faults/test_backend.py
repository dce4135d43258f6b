"""The counting engine sees every write that lasts, and nothing else."""

from __future__ import annotations

from django.db import transaction

from clusters.models import Application
from tests.faults.case import side_by_side
from tests.faults.crew import Crew
from tests.faults.ground import Ground


def write() -> None:
    Application.objects.create(name="alone")  # Django puts a save into a transaction only when it has to
    with transaction.atomic():
        Application.objects.create(name="first")
        with transaction.atomic():  # a savepoint lasts no longer than what is around it
            Application.objects.filter(name="first").update(description="both")
    list(Application.objects.all())
    Application.objects.filter(name="alone").update(description="alone")


def recorded(ground: Ground, part: None) -> list[str]:
    record = ground.folder / "writes.points"
    with Crew(ground.folder / "writes.log") as crew:
        assert crew.add(write, CRASH_RECORD=str(record)).wait() == 0
    return record.read_text().split()


def test_a_commit_and_a_statement_on_its_own_have_a_point_before_and_after(ground: Ground) -> None:
    (points,) = side_by_side(ground, recorded, [None], at_once=1)
    alone, together = ["write:before", "write:after"], ["commit:before", "commit:after"]
    assert points == [*alone, *together, *alone]
