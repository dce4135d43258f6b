"""Ratios of the best run against gates and aims: as a table, as JSON, as an exit code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import measure
from bench.machine import MOST_SPREAD, Machine
from bench.measure import Medians


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison, run by run. `limit` is the gate (None: only told), `aim` what we want, `spreads` the noise."""

    what: str
    ratios: list[float]
    spreads: list[float]
    limit: float | None
    aim: float

    @property
    def quiet(self) -> list[float]:
        return [ratio for ratio, spread in zip(self.ratios, self.spreads, strict=True) if spread <= MOST_SPREAD]

    @property
    def ratio(self) -> float:
        return min(self.quiet or self.ratios)

    def verdict(self, host: Machine) -> str:
        if host.is_busy or not self.quiet:
            return "too noisy to judge"
        if self.limit is not None and self.ratio > self.limit:
            return "MISSED"
        return "aim reached" if self.ratio <= self.aim else "within the gate" if self.limit else "above the aim"


def lines(medians: Medians) -> list[Line]:
    def line(what: str, ours: str, floor: str, side: str, limit: float | None, aim: float) -> Line:
        return Line(what, measure.ratios(medians, ours, floor), measure.spreads(medians, side), limit, aim)

    return [
        line("chain of 10 waits : raw RQ's chain of 10", "ours, 10", "raw RQ, 10", "raw inline, 10", 1.0, 0.6),
        line("chain of 10 waits : raw inline chain of 10", "ours, 10", "raw inline, 10", "raw inline, 10", None, 3.0),
        Line("a stage of 100 : a stage of 10", _slopes(medians), measure.spreads(medians, "raw inline, 10"), None, 1.1),
        line("POST to first stage RUNNING : floor", "POST, ours", "POST, floor", "POST, floor", 5.0, 3.0),
    ]


def _slopes(medians: Medians) -> list[float]:
    """What a further stage costs in a long chain, beside what it costs in a short one."""
    by_run = zip(medians["ours, 1"], medians["ours, 10"], medians["ours, 100"], strict=True)
    return [((hundred - ten) / 90) / ((ten - one) / 9) for one, ten, hundred in by_run]


def show(host: Machine, medians: Medians, found: list[Line], whole: Mapping[str, float]) -> None:
    print(
        f"{host.cores} cores, load {host.load_before:.2f} before and {host.load_after:.2f} after, "
        f"fdatasync {host.fdatasync_ms:.2f} ms, PostgreSQL {host.postgresql}, Valkey {host.valkey}"
    )
    print(f"\n{'median of each run, ms':44}" + "".join(f"{n:>9}" for n in range(1, measure.RUNS + 1)))
    for name, samples in medians.items():
        print(f"{name:44}" + "".join(f"{sample:9.2f}" for sample in samples))
    print(f"\n{'ratio, best of the runs':44}{'':>9}{'gate':>9}{'aim':>9}")
    for line in found:
        gate = "" if line.limit is None else f"{line.limit:.1f}"
        print(f"{line.what:44}{line.ratio:9.2f}{gate:>9}{line.aim:9.1f}  {line.verdict(host)}")
    print()
    for name, value in whole.items():
        print(f"{name:44}{value:9.1f}")
    if host.is_busy:
        print("\nOther programs kept this machine busy before the start; nothing is judged.")


def write(path: Path, host: Machine, medians: Medians, found: list[Line], whole: Mapping[str, float]) -> None:
    compared = {
        line.what: {
            "ratio": line.ratio,
            "by run": line.ratios,
            "spread of the floor by run": line.spreads,
            "gate": line.limit,
            "aim": line.aim,
            "verdict": line.verdict(host),
        }
        for line in found
    }
    told = {"machine": host.as_json(), "medians_ms": medians, "ratios": compared, "platform": dict(whole)}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(told, indent=1) + "\n")


def is_missed(host: Machine, found: list[Line]) -> bool:
    """A gate, on a machine quiet enough."""
    return any(line.verdict(host) == "MISSED" for line in found)
