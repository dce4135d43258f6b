"""Sides taken in turn, A B A B, so that whatever disturbs one disturbs the other; several runs, the best counts."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import TypeAlias

Side: TypeAlias = Callable[[], float]
#: Milliseconds by name of the side: the median of each run.
Medians: TypeAlias = dict[str, list[float]]

RUNS = 3


def in_turn(sides: Mapping[str, Side], times: int, runs: int = RUNS) -> Medians:
    """Each run takes every side `times` times in turn; two rounds before the first run warm everything up."""
    medians: Medians = {name: [] for name in sides}
    for side in list(sides.values()) * 2:
        side()
    for _ in range(runs):
        took: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(times):
            for name, side in sides.items():
                took[name].append(side() * 1000)
        for name, samples in took.items():
            medians[name].append(statistics.median(samples))
    return medians


def best_ratio(medians: Medians, ours: str, floor: str) -> float:
    """The best of the runs' ratios, each of two figures of the same run."""
    return min(mine / theirs for mine, theirs in zip(medians[ours], medians[floor], strict=True))


def spread(samples: list[float]) -> float:
    """How far the same figure moved between runs, as a part of its least."""
    return max(samples) / min(samples) - 1
