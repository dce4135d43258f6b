"""What the bench runs on, and whether it is quiet enough for a verdict."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis

#: Load per core before the run, above which nothing is judged.
MOST_LOAD = 0.5
#: Spread of the same measurement between runs, above which nothing is judged.
MOST_SPREAD = 0.15


@dataclass(slots=True)
class Machine:
    cores: int
    load_before: float
    fdatasync_ms: float
    postgresql: str
    valkey: str
    load_after: float = 0.0
    spread: float = 0.0

    @property
    def doubts(self) -> list[str]:
        """Why its figures should not be judged; empty when they may be."""
        found = []
        if self.load_before / self.cores > MOST_LOAD:
            found.append(f"load {self.load_before:.2f} on {self.cores} cores before the run")
        if self.spread > MOST_SPREAD:
            found.append(f"the floor itself spread by {self.spread:.0%} between runs")
        return found

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"doubts": self.doubts}


def look(connection: psycopg.Connection[Any], redis_url: str) -> Machine:
    (version,) = connection.execute("SHOW server_version").fetchone() or ("?",)
    connection.commit()
    valkey = redis.Redis.from_url(redis_url).info("server").get("valkey_version", "?")  # type: ignore[union-attr]
    return Machine(os.cpu_count() or 1, os.getloadavg()[0], fdatasync_ms(), str(version), str(valkey))


def fdatasync_ms(tries: int = 50) -> float:
    """Median milliseconds to put 8 KiB on the disk that benches use."""
    took = []
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "probe").open("wb", buffering=0) as file:
        for _ in range(tries):
            file.write(b"x" * 8192)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000
