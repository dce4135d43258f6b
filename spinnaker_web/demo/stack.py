"""The stack that a demo runs on: the one that is up on DATA_DIR, or one of its own that goes with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from spinnaker_web.embedded.attach import SETTINGS
from spinnaker_web.embedded.server import free_port

#: Seconds that a stack of our own may take to start.
PATIENCE = 90
MANAGE = Path(__file__).resolve().parents[2] / "manage.py"


@contextmanager
def attached(data_dir: Path) -> Iterator[dict[str, Any]]:
    """What `up` published about itself. Raises CommandError when a stack of our own does not start."""
    if facts := _published(data_dir):
        yield facts
        return
    with tempfile.TemporaryDirectory(prefix="spinnaker-demo-") as folder:
        own = Path(folder) / "data"
        environ = {**os.environ, "DATA_DIR": str(own), "PORT": str(free_port())}
        process = subprocess.Popen([sys.executable, str(MANAGE), "up"], env=environ)
        try:
            yield _wait(process, own)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(15)


def environment(facts: dict[str, Any]) -> dict[str, str]:
    """The settings with which a program joins that stack."""
    joined = {setting: facts[fact] for fact, setting in SETTINGS.items()}
    return {**os.environ, **joined, "SPINNAKER_DEMO_MARKER": facts["marker"]}


def _published(data_dir: Path) -> dict[str, Any] | None:
    try:
        facts: dict[str, Any] = json.loads((data_dir / "up.json").read_text())
        os.kill(facts["pid"], 0)
    except (OSError, ValueError):
        return None
    return facts


def _wait(process: subprocess.Popen[bytes], data_dir: Path) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if facts := _published(data_dir):
            return facts
        time.sleep(0.1)
    raise CommandError("The stack for the demo did not start; what it said stands above.")
