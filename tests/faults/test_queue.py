"""Messages are hints: without Valkey, with it emptied all the time, or with every message lost or sent over and over."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from spinnaker_web.embedded.valkey import Valkey
from tests.faults.case import Played, side_by_side
from tests.faults.ground import NO_REDIS, Ground
from tests.faults.ledger import Ledger
from tests.faults.programs import driving
from tests.faults.watch import Watch, follow
from tests.servers import serve

#: Executions under way together.
RUNS = 3
#: Longest an execution may wait for its first step when no hint arrives, seconds.
LATEST_START = 1.5


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[tuple[str, Callable[[], int]]]:
    """Its URL and what stops it. Its own, since it will be flushed."""
    url, stop = serve(Valkey(tmp_path / "valkey", is_throwaway=True))
    yield url, stop
    stop()


def test_a_valkey_stopped_from_the_start_costs_no_more_than_a_moment(ground, recording, valkey) -> None:
    url, stop = valkey
    stop()
    agree(ground, recording, "absent", url)


def test_a_valkey_flushed_all_the_time_loses_nothing(ground, recording, valkey) -> None:
    agree(ground, recording, "flushed", valkey[0])


@pytest.mark.long
def test_hints_that_are_all_lost_change_nothing(ground, recording, valkey) -> None:
    agree(ground, recording, "lost", valkey[0])


@pytest.mark.long
def test_hints_sent_over_and_over_in_any_order_change_nothing(ground, recording, valkey) -> None:
    agree(ground, recording, "doubled", valkey[0])


@dataclass(frozen=True)
class Runs:
    ledgers: list[Ledger]
    #: Seconds each but the first waited for its first step; the first waits for workers to come up.
    starts: list[float]


def agree(ground: Ground, recording: Played, fault: str, url: str) -> None:
    """Runs under the fault come to the same as the recorded one."""
    (runs,) = side_by_side(ground, run_under, [(fault, url)], at_once=1)
    assert runs.ledgers == [recording.ledger] * RUNS
    if fault in ("absent", "lost"):
        assert max(runs.starts) <= LATEST_START


def run_under(ground: Ground, part: tuple[str, str]) -> Runs:
    fault, url = part
    settings.REDIS_URL = NO_REDIS if fault == "lost" else url
    names = [f"{fault}{number}" for number in range(RUNS)]
    with ExitStack() as stack:
        workers = stack.enter_context(driving(ground, ground.folder / f"{fault}.log", url))
        for name in names:
            stack.enter_context(ground.cleared(name))
        watches = [Watch(ground.start(names[0]))]
        watches[0].until(lambda seen: seen.epoch > 0)
        watches += [Watch(ground.start(name)) for name in names[1:]]
        meddle = MEDDLING.get(fault, lambda *_: None)
        follow(watches, lambda: (workers.check(), meddle(url, watches)))
        ledgers = [Ledger.of(watch, ground) for watch in watches]
        return Runs(ledgers, [_start(watch) for watch in watches[1:]])


def _start(watch: Watch) -> float:
    return (watch.execution.started_at - watch.execution.created_at).total_seconds()


def flush(url: str, watches: list[Watch]) -> None:
    Redis.from_url(url).flushall()


def send_again(url: str, watches: list[Watch]) -> None:
    """Hints of any execution, ended ones too, and of one that there is not; `ground.start` has sent its own."""
    queue = Queue("drive", connection=Redis.from_url(url), serializer=JSONSerializer)
    ids = [watch.execution.pk for watch in watches for _ in range(3)] + [uuid.uuid4()]
    for execution_id in random.sample(ids, len(ids)):
        queue.enqueue_call("pipelines.jobs.drive", (str(execution_id),), timeout=600, result_ttl=0)


MEDDLING: dict[str, Callable[[str, list[Watch]], None]] = {"flushed": flush, "doubled": send_again}
