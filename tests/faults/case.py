"""One run of the demo pipeline with one fault in it: a worker dies, or stands still, at its n-th crash point."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.faults.crew import Worker, drive
from tests.faults.ground import Ground
from tests.faults.ledger import Ledger
from tests.faults.watch import Watch

#: Cases under way together: most of a run is waiting for instances.
AT_ONCE = 4


@dataclass(frozen=True)
class Case:
    name: str
    #: The point to be killed at; 0 for none.
    point: int = 0


@dataclass(frozen=True)
class Played:
    case: Case
    #: Names of the points that the first worker came to. The last one is where it was killed.
    points: list[str]
    was_killed: bool
    recovery_seconds: float
    ledger: Ledger = field(repr=False)


def play_all(ground: Ground, cases: Iterable[Case]) -> list[Played]:
    """In processes of their own, several at once; each finds its own faults and raises them here."""
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(AT_ONCE, context, _enter, (ground,)) as pool:
        return list(pool.map(play, cases))


_ground: Ground


def _enter(ground: Ground) -> None:
    global _ground
    _ground = ground
    ground.enter()


def play(case: Case) -> Played:
    try:
        with _ground.database(case.name):
            return _play(_ground, case)
    finally:
        _ground.clear(case.name)


def _play(ground: Ground, case: Case) -> Played:
    watch = Watch(ground.start(case.name))
    record = ground.folder / f"{case.name}.points"
    log = ground.folder / f"{case.name}.log"
    crash = {"CRASH_AT": str(case.point)} if case.point else {}
    first, second, recovery = Worker(drive, log, CRASH_RECORD=str(record), **crash), None, 0.0
    try:
        watch.until(lambda seen: seen.is_complete or not first.is_running)
        if first.was_killed:
            fault_at = time.monotonic()
            second = Worker(drive, log)
            recovery = watch.recovery(fault_at)
            watch.until(lambda seen: seen.is_complete)
        ledger = Ledger.of(watch.execution, ground)
    finally:
        for worker in (first, second):
            if worker:
                worker.end()
    return Played(case, record.read_text().split(), first.was_killed and bool(second), recovery, ledger)
