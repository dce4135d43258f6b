"""One run of a pipeline, mostly the demo's, with one fault in it: a worker gets a signal at its n-th crash point."""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import TypeVar

from tests.faults.crew import Crew, drive, drive_until_holding
from tests.faults.ground import LEASE, Ground, set_lease
from tests.faults.ledger import Ledger
from tests.faults.watch import Watch

T, R = TypeVar("T"), TypeVar("R")

#: Cases under way together: most of a run is waiting for instances.
AT_ONCE = 6
TRIES = 3


@dataclass(frozen=True)
class Case:
    name: str
    #: The point at which each worker in turn gets the signal; after the last comes one that gets none.
    points: tuple[int, ...] = ()
    #: The name of the point from whose first on the first worker counts.
    start: str = ""
    signal: str = "SIGKILL"
    #: The worker after these stands still as soon as it holds the lease, while the one before it goes on.
    is_next_stopped: bool = False
    lease_seconds: float = LEASE
    #: Workers from the start.
    workers: int = 1
    #: What is run: a name of ground.SHAPES.
    shape: str = "demo"


@dataclass(frozen=True)
class Played:
    case: Case
    #: Names of the points that the first worker came to. When it was killed, the last is where.
    points: list[str]
    #: How long it took each time until the next worker wrote, where there was something left to do.
    recoveries: list[float]
    #: Whether the first worker got as far as its point.
    was_hit: bool
    ledger: Ledger = field(repr=False)

    def aimed_again(self, recording: Played, number: int) -> Case:
        point, *more = self.case.points
        from_the_end = len(recording.points) - point
        points = (len(self.points) - from_the_end, *more)
        return replace(self.case, name=f"{self.case.name}x{number}", points=points)


def play_all(ground: Ground, cases: Iterable[Case]) -> list[Played]:
    return side_by_side(ground, play, cases)


def hit_all(ground: Ground, recording: Played, cases: Sequence[Case]) -> list[Played]:
    """Each with its first worker hit. A run that looked at the cloud less often than the recorded one has fewer points:
    one that comes to its end unhurt is aimed at as far from the end, and played again."""
    hit: list[Played] = []
    for number in range(TRIES):
        if not cases:
            break
        played = play_all(ground, cases)
        hit += [one for one in played if one.was_hit]
        cases = [one.aimed_again(recording, number) for one in played if not one.was_hit]
    return hit


def side_by_side(ground: Ground, act: Callable[[Ground, T], R], parts: Iterable[T], at_once: int = AT_ONCE) -> list[R]:
    """Each part in a process with a database of its own, several at once; what goes wrong there is raised here."""
    context = multiprocessing.get_context("fork")
    with ground.databases(at_once) as names:
        free = context.SimpleQueue()
        for name in names:
            free.put(name)
        with ProcessPoolExecutor(at_once, context, _enter, (ground, free)) as pool:
            return [future.result() for future in [pool.submit(_act, act, part) for part in parts]]


_ground: Ground


def _enter(ground: Ground, free: SimpleQueue[str]) -> None:
    global _ground
    gc.freeze()  # else collecting garbage copies all of the parent's memory
    _ground = ground
    ground.enter(free.get())


def _act(act: Callable[[Ground, T], R], part: T) -> R:
    return act(_ground, part)


def play(ground: Ground, case: Case) -> Played:
    set_lease(case.lease_seconds)
    record, log = (ground.folder / f"{case.name}.{kind}" for kind in ("points", "log"))
    record.touch()
    with ground.cleared(case.name), Crew(log) as crew:
        watch = Watch(ground.start(case.name, case.shape))
        for _ in range(case.workers - 1):
            crew.add()
        was_hit, recoveries = _relay(crew, watch, case, record)
        ledger = Ledger.of(watch, ground)
    return Played(case, record.read_text().split(), recoveries, was_hit, ledger)


def _relay(crew: Crew, watch: Watch, case: Case, record: Path) -> tuple[bool, list[float]]:
    """One worker after the other, each as far as its point. One that stands still goes on once the next has begun."""
    recoveries: list[float] = []
    before, fault = None, None
    for work, environ in _turns(case, record):
        worker = crew.add(work, **environ)
        if before and fault:
            recoveries += watch.recovery(fault, lambda worker=worker: worker.is_running)
            before.signal(signal.SIGCONT)
        watch.until(lambda seen, worker=worker: seen.is_complete or not worker.is_running)
        if worker.is_running:
            break
        before, fault = worker, watch.fault()
    return before is not None, recoveries


def _turns(case: Case, record: Path) -> Iterator[tuple[Callable[[], None], dict[str, str]]]:
    """What each worker does, and its environment. The last one meets with no fault."""
    first = {"CRASH_RECORD": str(record), **({"CRASH_FROM": case.start} if case.start else {})}
    for point in case.points:
        yield drive, first | {"CRASH_AT": str(point), "CRASH_SIGNAL": case.signal}
        first = {}
    if case.is_next_stopped:
        yield drive_until_holding, {"CRASH_SIGNAL": "SIGSTOP"}
    yield drive, first
