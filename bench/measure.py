"""Sides taken in turn, A B A B, so that whatever disturbs one disturbs the other; several runs, the best counts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

Side: TypeAlias = Callable[[], float]
#: Milliseconds by name of the side: the median of each run.
Medians: TypeAlias = dict[str, list[float]]

RUNS = 3
#: Between two samples, for what the last one left behind: RQ's bookkeeping goes on when the work is done.
PAUSE_SECONDS = 0.02


def in_turn(sides: Mapping[str, Side], times: int, runs: int = RUNS) -> Medians:
    """Each run takes every side `times` times, forwards and backwards in turn; two rounds before it warm all up."""
    medians: Medians = {name: [] for name in sides}
    for side in list(sides.values()) * 2:
        side()
    for _ in range(runs):
        took: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(times):
            for name in sides if turn % 2 else reversed(sides):
                time.sleep(PAUSE_SECONDS)
                took[name].append(sides[name]() * 1000)
        for name, samples in took.items():
            medians[name].append(statistics.median(samples))
    return medians


def ratios(medians: Medians, ours: str, floor: str) -> list[float]:
    """Run by run, as only figures of one run may be compared."""
    return [mine / theirs for mine, theirs in zip(medians[ours], medians[floor], strict=True)]


def spreads(medians: Medians, side: str) -> list[float]:
    """Run by run, how far the same thing measured twice (`side`, "side again") lies apart."""
    pairs = zip(medians[side], medians[again(side)], strict=True)
    return [max(pair) / min(pair) - 1 for pair in pairs]


def again(side: str) -> str:
    return f"{side}, again"
