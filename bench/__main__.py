"""Measure, print the table, write bench/results/latest.json; exit 1 when a gate is missed on a machine quiet enough."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench import floors, machine, measure, ours
from bench.servers import ROOT, Servers, program, servers
from spinnaker_web.embedded.server import free_port, wait_until_ready

CHAIN_TIMES, LONG_TIMES, POST_TIMES = 15, 4, 40
RESULTS = ROOT / "bench" / "results" / "latest.json"


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison: `limit` is the gate (None: only told), `aim` what we want."""

    what: str
    ratio: float
    limit: float | None
    aim: float

    @property
    def verdict(self) -> str:
        if self.limit is not None and self.ratio > self.limit:
            return "MISSED"
        return "aim reached" if self.ratio <= self.aim else "within the gate" if self.limit else "above the aim"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder = Path(name)
        where = stack.enter_context(servers(folder))
        os.environ.update(where.environment)
        connection = stack.enter_context(floors.database())
        connection.execute(floors.TABLES)  # type: ignore[arg-type]
        connection.commit()
        host = machine.look(connection, where.redis_url)
        token = _prepare_ours()
        medians = _chains(stack, where, folder, connection) | _posts(stack, where, folder, connection, token)
        host.load_after = os.getloadavg()[0]
    host.spread = max(measure.spread(medians["raw inline, 10"]), measure.spread(medians["POST, floor"]))
    lines = _lines(medians)
    _print(host, medians, lines)
    _write(host, medians, lines)
    missed = any(line.verdict == "MISSED" for line in lines)
    return 1 if missed and not host.doubts else 0


def _prepare_ours() -> str:
    import django

    django.setup()
    return ours.prepare(10)


def _chains(stack: ExitStack, where: Servers, folder: Path, connection: Any) -> measure.Medians:
    """Chains of ten: the floor inline, raw RQ, ours; then ours of 1 and 100 for the slope."""
    with ExitStack() as programs:
        programs.enter_context(program("raw RQ", where, folder / "rq.log", "-m", "bench.floors", "rq"))
        programs.enter_context(program("drive", where, folder / "drive.log", "manage.py", "drive"))
        chains = {
            "raw inline, 10": partial(floors.inline_chain, connection, 10),
            "raw RQ, 10": partial(floors.rq_chain, connection, 10),
            "ours, 10": partial(ours.Chain(10).run, connection),
            "ours, 1": partial(ours.Chain(1).run, connection),
        }
        medians = measure.in_turn(chains, CHAIN_TIMES)
        return medians | measure.in_turn({"ours, 100": partial(ours.Chain(100).run, connection)}, LONG_TIMES)


def _posts(stack: ExitStack, where: Servers, folder: Path, connection: Any, token: str) -> measure.Medians:
    floor_port, our_port = free_port(), free_port()
    uvicorn = ("-m", "uvicorn", "spinnaker_web.asgi:application", "--port", str(our_port), "--log-level", "warning")
    with ExitStack() as programs:
        start: Callable[..., Any] = lambda *argv, **more: programs.enter_context(program(*argv, **more))  # noqa: E731
        floor_web = start("floor web", where, folder / "fw.log", "-m", "bench.floors", "web", str(floor_port))
        start("floor worker", where, folder / "fk.log", "-m", "bench.floors", "worker")
        start("drive", where, folder / "drive.log", "manage.py", "drive")
        our_web = start("web", where, folder / "web.log", *uvicorn, SPINNAKER_DB_POOL="1")
        for child, port in ((floor_web, floor_port), (our_web, our_port)):
            wait_until_ready(child, partial(_listens, port))
        floor = ours.Post(floor_port, "/")
        mine = ours.Post(our_port, f"/gate/pipelines/{ours.APPLICATION}/{ours.PIPELINE}", token)
        sides = {
            "POST, floor": partial(ours.floor_latency, floor, connection),
            "POST, ours": partial(ours.our_latency, mine, connection),
        }
        return measure.in_turn(sides, POST_TIMES)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _lines(medians: measure.Medians) -> list[Line]:
    slope = (min(medians["ours, 100"]) - min(medians["ours, 10"])) / 90
    early = (min(medians["ours, 10"]) - min(medians["ours, 1"])) / 9
    ratio = partial(measure.best_ratio, medians)
    return [
        Line("chain of 10 waits : raw RQ's chain of 10", ratio("ours, 10", "raw RQ, 10"), 1.0, 0.6),
        Line("chain of 10 waits : raw inline chain of 10", ratio("ours, 10", "raw inline, 10"), None, 3.0),
        Line("cost of a stage in a chain of 100 : of 10", slope / early, None, 1.1),
        Line("POST to first stage RUNNING : floor", ratio("POST, ours", "POST, floor"), 5.0, 3.0),
    ]


def _print(host: machine.Machine, medians: measure.Medians, lines: list[Line]) -> None:
    print(
        f"{host.cores} cores, load {host.load_before:.2f} before and {host.load_after:.2f} after, "
        f"fdatasync {host.fdatasync_ms:.2f} ms, PostgreSQL {host.postgresql}, Valkey {host.valkey}"
    )
    print(f"\n{'median of each run, ms':44}" + "".join(f"{n:>9}" for n in range(1, measure.RUNS + 1)))
    for name, samples in medians.items():
        print(f"{name:44}" + "".join(f"{sample:9.2f}" for sample in samples))
    print(f"\n{'ratio, best of the runs':44}{'':>9}{'gate':>9}{'aim':>9}")
    for line in lines:
        gate = "" if line.limit is None else f"{line.limit:.1f}"
        print(f"{line.what:44}{line.ratio:9.2f}{gate:>9}{line.aim:9.1f}  {line.verdict}")
    if host.doubts:
        print(f"\nToo noisy to judge: {'; '.join(host.doubts)}.")


def _write(host: machine.Machine, medians: measure.Medians, lines: list[Line]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    ratios = {line.what: {"ratio": line.ratio, "gate": line.limit, "aim": line.aim} for line in lines}
    text = json.dumps({"machine": host.as_json(), "medians_ms": medians, "ratios": ratios}, indent=1)
    RESULTS.write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
