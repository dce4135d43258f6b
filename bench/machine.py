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
#: The same thing measured twice in one run may lie apart by this; a run in which it does by more is not judged.
MOST_SPREAD = 0.15


@dataclass(slots=True)
class Machine:
    cores: int
    load_before: float
    fdatasync_ms: float
    postgresql: str
    valkey: str
    load_after: float = 0.0

    @property
    def is_busy(self) -> bool:
        """Others' work was already being measured with ours before it began."""
        return self.load_before / self.cores > MOST_LOAD

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"is_busy": self.is_busy}


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
