"""Measure, print the table, write bench/results/latest.json; exit 1 when a gate is missed on a machine quiet enough."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from bench import floors, machine, measure, ours, report, stack
from bench.measure import Medians, again
from bench.servers import ROOT, Servers, program, servers
from spinnaker_web.embedded.server import free_port, wait_until_ready

CHAIN_TIMES, LONG_TIMES, POST_TIMES = 15, 4, 40
RESULTS = ROOT / "bench" / "results" / "latest.json"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as opened:
        folder = Path(name)
        where = opened.enter_context(servers(folder))
        os.environ.update(where.environment)
        connection = opened.enter_context(floors.database())
        connection.execute(floors.TABLES)  # type: ignore[arg-type]
        connection.commit()
        host = machine.look(connection, where.redis_url)
        token = _prepare_ours()
        medians = _chains(where, folder, connection) | _posts(where, folder, connection, token)
        host.load_after = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        whole = stack.measure(Path(name))
    found = report.lines(medians)
    report.show(host, medians, found, whole)
    report.write(RESULTS, host, medians, found, whole)
    return 1 if report.is_missed(host, found) else 0


def _prepare_ours() -> str:
    import django

    django.setup()
    return ours.prepare(10)


def _chains(where: Servers, folder: Path, connection: Any) -> Medians:
    """Chains of ten: the floor inline (twice, to know the noise), raw RQ, ours; ours of 1 and 100 for the slope."""
    inline = partial(floors.inline_chain, connection)
    chains = {
        "raw inline, 10": partial(inline, 10),
        "raw RQ, 10": partial(floors.rq_chain, connection, 10),
        "ours, 10": partial(ours.Chain(10).run, connection),
        "ours, 1": partial(ours.Chain(1).run, connection),
        again("raw inline, 10"): partial(inline, 10),
    }
    long = {"raw inline, 100": partial(inline, 100), "ours, 100": partial(ours.Chain(100).run, connection)}
    with ExitStack() as programs:
        programs.enter_context(program("raw RQ", where, folder / "rq.log", "-m", "bench.floors", "rq"))
        programs.enter_context(program("drive", where, folder / "drive.log", "manage.py", "drive"))
        return measure.in_turn(chains, CHAIN_TIMES) | measure.in_turn(long, LONG_TIMES)


def _posts(where: Servers, folder: Path, connection: Any, token: str) -> Medians:
    floor_port, our_port = free_port(), free_port()
    uvicorn = ("-m", "uvicorn", "spinnaker_web.asgi:application", "--port", str(our_port), "--log-level", "warning")
    with ExitStack() as programs:

        def start(name: str, *argv: str, **environment: str) -> Any:
            return programs.enter_context(program(name, where, folder / f"{name}.log", *argv, **environment))

        start("floor worker", "-m", "bench.floors", "worker")
        start("drive", "manage.py", "drive")
        floor_web = start("floor web", "-m", "bench.floors", "web", str(floor_port))
        our_web = start("web", *uvicorn, SPINNAKER_DB_POOL="1")
        for child, port in ((floor_web, floor_port), (our_web, our_port)):
            wait_until_ready(child, partial(_listens, port))
        floor = partial(ours.floor_latency, ours.Post(floor_port, "/"), connection)
        mine = ours.Post(our_port, f"/gate/pipelines/{ours.APPLICATION}/{ours.PIPELINE}", token)
        sides = {
            "POST, floor": floor,
            "POST, ours": partial(ours.our_latency, mine, connection),
            again("POST, floor"): floor,
        }
        return measure.in_turn(sides, POST_TIMES)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    sys.exit(main())
