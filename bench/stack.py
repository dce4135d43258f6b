"""The whole platform as `manage.py up` runs it: how long it takes to be ready, and how much memory it holds."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from bench.servers import ROOT
from clusters.providers.local.children import MARKER
from spinnaker_web.embedded.server import free_port

PATIENCE_SECONDS = 60.0
#: Workers import Django after the site is ready; what they hold then is what counts.
SETTLE_SECONDS = 5.0


def measure(folder: Path) -> dict[str, float]:
    """From an empty folder to ready, the same from the folder that leaves behind, and memory when idle."""
    with _up(folder) as (cold, mark):
        time.sleep(SETTLE_SECONDS)
        held = pss_mib(mark)
    with _up(folder) as (warm, _):
        return {"cold start, s": cold, "warm start, s": warm, "memory of all processes, MiB (PSS)": held}


@contextmanager
def _up(folder: Path) -> Iterator[tuple[float, str]]:
    """(seconds until the site says that it is ready, what marks every process of it)."""
    mark, port = secrets.token_hex(8), str(free_port())
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "DATA_DIR": str(folder), "PORT": port, MARKER: mark}
    began = time.monotonic()
    with (folder / "up.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "manage.py", "up"], cwd=ROOT, env=environ, stdout=log, stderr=log)
    try:
        _wait_until_ready(process, f"http://127.0.0.1:{port}/ready", folder / "up.log")
        yield time.monotonic() - began, mark
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urlopen(url, timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.02)
    raise RuntimeError(f"`manage.py up` did not become ready: {log.read_text()[-500:]}")


def pss_mib(mark: str) -> float:
    """Memory of the marked processes, shared pages shared out; 0 where the host does not tell."""
    sign, kib = f"{MARKER}={mark}".encode(), 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if sign in (process / "environ").read_bytes().split(b"\0"):
                rollup = (process / "smaps_rollup").read_text()
                kib += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        except OSError:  # it has just ended, or is not ours to read
            continue
    return kib / 1024
