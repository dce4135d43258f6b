"""One run of the demo pipeline with one fault in it: a worker gets a signal at its n-th crash point."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.queues import SimpleQueue
from typing import TypeVar

from django.conf import settings

from tests.faults.crew import Crew
from tests.faults.ground import LEASE, Ground
from tests.faults.ledger import Ledger
from tests.faults.watch import Watch

T, R = TypeVar("T"), TypeVar("R")

#: Cases under way together: most of a run is waiting for instances.
AT_ONCE = 4


@dataclass(frozen=True)
class Case:
    name: str
    #: The point at which the first worker gets the signal; 0 for none.
    point: int = 0
    signal: str = "SIGKILL"
    lease_seconds: float = LEASE
    #: Workers from the start.
    workers: int = 1


@dataclass(frozen=True)
class Played:
    case: Case
    #: Names of the points that the first worker came to. When it was killed, the last is where.
    points: list[str]
    #: Whether it came as far as its point.
    was_hit: bool
    recovery_seconds: float
    ledger: Ledger = field(repr=False)


def play_all(ground: Ground, cases: Iterable[Case]) -> list[Played]:
    return side_by_side(ground, play, cases)


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
    _ground = ground
    ground.enter(free.get())


def _act(act: Callable[[Ground, T], R], part: T) -> R:
    return act(_ground, part)


def play(ground: Ground, case: Case) -> Played:
    settings.LEASE_SECONDS = case.lease_seconds
    record, log = (ground.folder / f"{case.name}.{kind}" for kind in ("points", "log"))
    crash = {"CRASH_AT": str(case.point), "CRASH_SIGNAL": case.signal} if case.point else {}
    recovery = 0.0
    with ground.cleared(case.name), Crew(log) as crew:
        watch = Watch(ground.start(case.name))
        first = crew.add(CRASH_RECORD=str(record), **crash)
        for _ in range(case.workers - 1):
            crew.add()
        watch.until(lambda seen: seen.is_complete or not first.is_running)
        if was_hit := not first.is_running:
            fault_at = time.monotonic()
            crew.add()
            recovery = watch.recovery(fault_at)
            first.signal(signal.SIGCONT)
            watch.until(lambda seen: seen.is_complete)
        ledger = Ledger.of(watch.execution, ground)
    return Played(case, record.read_text().split(), was_hit, recovery, ledger)
