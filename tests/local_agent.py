"""A real agent of the local cloud for tests, with real processes and a real HAProxy."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from clusters.providers.local.client import Client
from clusters.providers.local.cloud import LocalCloud
from tests import processes
from tests.clouds import wait_until

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "agent-token-of-the-tests"


class LocalAgent:
    """`launcher` is the process whose end ends everything; None leaves that to the keeper. `prefix` is what starts it."""

    def __init__(self, launcher: int | None, prefix: Sequence[str] = (), **environ: str) -> None:
        # Not below pytest's folder: instances run as another user, who could not reach it.
        self.folder = Path(tempfile.mkdtemp(prefix="sp-"))
        self.folder.chmod(0o711)
        self.marker = f"test-{uuid.uuid4()}"
        self.socket = self.folder / "agent.sock"
        self.data = self.folder / "agent"
        self.cloud = LocalCloud(Client(str(self.socket), TOKEN))
        self._launcher = launcher
        self._prefix = prefix
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def argv(self) -> list[str]:
        paths = ["--data", str(self.data), "--socket", str(self.socket)]
        return [*self._prefix, sys.executable, "-m", "clusters.providers.local.agent", *paths]

    @property
    def env(self) -> dict[str, str]:
        env = {"SPINNAKER_AGENT_TOKEN": TOKEN, "SPINNAKER_MARKER": self.marker, "PATH": os.environ["PATH"]}
        return env | self._environ | ({"SPINNAKER_LAUNCHER_PID": str(self._launcher)} if self._launcher else {})

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        with (self.folder / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(self.argv, cwd=ROOT, env=self.env, stdout=log, stderr=log)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        wait_until(self.health)

    def health(self) -> dict[str, str] | None:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(self.socket))) as http:
            try:
                response = http.get("http://agent/health")
            except httpx.HTTPError:
                return None
        return response.json() if response.status_code == 200 else None

    def signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)
        self._process.wait(10)

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self.signal(signal.SIGTERM)

    def leftovers(self) -> list[int]:
        return processes.carrying(self.marker)

    def log(self) -> str:
        return (self.folder / "agent.log").read_text()

    def remove(self) -> None:
        self.stop()
        for pid in self.leftovers():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder)


@pytest.fixture(scope="session")
def agent() -> Iterator[LocalAgent]:
    """One for all tests that clear up after themselves."""
    agent = LocalAgent(os.getpid())
    agent.start()
    yield agent
    agent.remove()


@pytest.fixture
def own_agent() -> Iterator[LocalAgent]:
    """One that a test may kill."""
    agent = LocalAgent(os.getpid())
    agent.start()
    yield agent
    agent.remove()
