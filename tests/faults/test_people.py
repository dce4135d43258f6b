"""The process that serves a person is killed around its commit, and the person asks again."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress

from pipelines.engine.drive import drive
from pipelines.models import Execution, Judgment
from pipelines.operations import Conflict, judge, run_task, start
from tests.faults.case import side_by_side
from tests.faults.crew import Crew
from tests.faults.ground import Ground, save, seed


def test_a_start_that_is_sent_again_gives_one_execution(ground: Ground) -> None:
    (counts,) = side_by_side(ground, start_again, [None], at_once=1)
    assert len(counts) >= 2
    assert set(counts) == {1}


def test_an_answer_that_is_given_again_counts_once(ground: Ground) -> None:
    (ends,) = side_by_side(ground, judge_again, [None], at_once=1)
    assert len(ends) >= 2
    assert set(ends) == {("SUCCEEDED", 1)}


def start_again(ground: Ground, part: None) -> list[int]:
    actor = seed()
    pipeline = save(actor, "people")
    counts = []
    for point in points(ground, lambda point: start(actor, pipeline, dedupe_key=f"build {point}")):
        start(actor, pipeline, dedupe_key=f"build {point}")
        counts.append(Execution.objects.filter(dedupe_key=f"build {point}").count())
    return counts


def judge_again(ground: Ground, part: None) -> list[tuple[str, int]]:
    actor = seed()
    application = save(actor, "people").application
    ends, asked = [], []

    def ask() -> Execution:
        asked.append(run_task(actor, application, "Ask", [{"type": "manualJudgment", "refId": "1"}]))
        drive(asked[-1].pk)
        return asked[-1]

    ask()
    for _ in points(ground, lambda point: judge(actor, asked[-1], "1", "continue")):
        with suppress(Conflict):
            judge(actor, asked[-1], "1", "continue")
        drive(asked[-1].pk)
        asked[-1].refresh_from_db()
        ends.append((asked[-1].status, Judgment.objects.filter(stage__execution=asked[-1]).count()))
        ask()
    return ends


def points(ground: Ground, act: Callable[[int], object]) -> Iterator[int]:
    """Each point at which `act` was killed, until it comes through."""
    for point in range(1, 100):
        with Crew(ground.folder / "people.log") as crew:
            code = crew.add(lambda point=point: act(point), CRASH_AT=str(point)).wait()
        if code != -signal.SIGKILL:
            assert code == 0
            return
        yield point
    raise AssertionError("never came through")
