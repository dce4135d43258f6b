"""The stack starts its parts together, names what fails, restarts what crashes, and stops all of it when asked.

The parts here are a few lines each; tests/test_up.py runs the real ones.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clusters.providers.local.children import MARKER, Command
from spinnaker_web.embedded import StartError
from spinnaker_web.embedded.data_folder import DataFolder
from spinnaker_web.embedded.parts import Parts
from spinnaker_web.embedded.server import free_port
from spinnaker_web.embedded.stack import Stack
from spinnaker_web.embedded.valkey import Valkey
from tests.processes import carrying, eventually

ANSWERS = """
import socket, sys
address = sys.argv[1]
family = socket.AF_UNIX if "/" in address else socket.AF_INET
with socket.socket(family) as listener:
    listener.bind(address if "/" in address else ("127.0.0.1", int(address)))
    listener.listen()
    while True:
        connection, _ = listener.accept()
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
        connection.close()
"""


class SmallParts(Parts):
    """`preparation` is a shell script; the web server and the agent answer 200 to everything."""

    preparation = "echo Sign in as admin."

    def agent(self) -> Command:
        return self._small("local cloud", [sys.executable, "-c", ANSWERS, str(self.agent_socket)])

    def web(self) -> Command:
        return self._small("web", [sys.executable, "-c", ANSWERS, str(self.port)])

    def prepare(self, stdout: int) -> Command:
        return self._small("database", ["/bin/sh", "-c", self.preparation], stdout=stdout)

    def workers(self) -> list[Command]:
        return [self._small("drive worker 1", ["/bin/sleep", "60"])]

    def _small(self, name: str, argv: list[str], **options: int) -> Command:
        return Command(name=name, argv=argv, env={"PATH": os.environ["PATH"]}, log=self.folder.log(name), **options)


@pytest.fixture
def parts(tmp_path: Path, monkeypatch) -> SmallParts:
    monkeypatch.setenv(MARKER, str(tmp_path))
    return SmallParts(
        folder=DataFolder(tmp_path),
        environ={},
        port=free_port(),
        database_url="postgres://u:p@h/d",
        redis_url="redis://h",
        agent_socket=tmp_path / "agent.sock",
    )


class Run:
    """A stack under way in this very thread: `then` says what to do when a line with some words appears."""

    def __init__(self, parts: Parts, servers: list[Valkey] | None = None) -> None:
        self.lines: list[str] = []
        self._reactions: list[tuple[str, Callable[[], object]]] = []
        self._stack = Stack(parts, servers or [], self._say)

    def then(self, words: str, reaction: Callable[[], object]) -> None:
        self._reactions.append((words, reaction))

    def until_stopped(self) -> str:
        asyncio.run(asyncio.wait_for(self._stack.run(), timeout=20))
        return "\n".join(self.lines)

    def _say(self, line: str) -> None:
        self.lines.append(line)
        if self._reactions and self._reactions[0][0] in line:
            self._reactions.pop(0)[1]()


def ask_to_stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_each_part_is_named_when_it_is_ready_then_the_address(parts: SmallParts, tmp_path: Path):
    run = Run(parts, [Valkey(tmp_path / "valkey")])
    run.then("Stop with Ctrl-C", ask_to_stop)
    told = run.until_stopped()
    for name in ("Valkey", "local cloud", "web", "database"):
        assert f"\n{name:<16} ready after " in f"\n{told}"
    assert f"\nOpen http://127.0.0.1:{parts.port}/\nSign in as admin.\nStop with Ctrl-C.\nStopping." in told
    assert not carrying(str(tmp_path))


def test_how_to_attach_is_published_while_it_runs(parts: SmallParts, tmp_path: Path):
    published = {}

    def look() -> None:
        published.update(json.loads((tmp_path / "up.json").read_text()))
        ask_to_stop()

    run = Run(parts)
    run.then("Open", look)
    run.until_stopped()
    assert published["pid"] == os.getpid()
    assert published["url"] == f"http://127.0.0.1:{parts.port}/"
    assert set(published) == {
        *("pid", "marker", "url", "database_url", "redis_url"),
        *("agent_socket", "agent_token", "secret_key", "secrets_keys"),
    }
    assert not (tmp_path / "up.json").exists()


def test_a_crashed_part_is_named_and_comes_back(parts: SmallParts, tmp_path: Path):
    def crash() -> None:
        worker = next(pid for pid in carrying(str(tmp_path)) if b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(worker, signal.SIGKILL)

    run = Run(parts)
    run.then("Open", crash)
    run.then("is running again", ask_to_stop)
    told = run.until_stopped()
    assert "drive worker 1 was killed by SIGKILL; starting it again in 0.5 s.\ndrive worker 1 is running again" in told


def test_a_part_that_ends_instead_of_starting_stops_the_others_and_says_why(
    parts: SmallParts, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(
        SmallParts, "web", lambda self: self._small("web", ["/bin/sh", "-c", "echo no module >&2; exit 3"])
    )
    with pytest.raises(
        StartError, match=r"^web ended with exit code 3 instead of starting\. no module \(more in .*web\.log\)$"
    ):
        Run(parts).until_stopped()
    assert not carrying(str(tmp_path))


def test_a_failed_preparation_shows_what_was_made_and_says_why(parts: SmallParts, monkeypatch):
    monkeypatch.setattr(SmallParts, "preparation", "echo Sign in with x.; echo CommandError: no table >&2; exit 1")
    run = Run(parts)
    with pytest.raises(StartError, match=r"^The database could not be prepared\. CommandError: no table"):
        run.until_stopped()
    assert "Sign in with x.\n" in run.lines, "the password is shown once, even so"


def test_a_stop_while_starting_leaves_nothing(parts: SmallParts, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(SmallParts, "preparation", "sleep 60")
    run = Run(parts)
    run.then("web", ask_to_stop)
    assert run.until_stopped().endswith("Stopping.")
    assert eventually(lambda: not carrying(str(tmp_path)))


def test_a_part_that_will_not_stop_is_killed(parts: SmallParts, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("spinnaker_web.embedded.stack.PROGRAM_SECONDS", 0.2)
    stubborn = ["/bin/sh", "-c", "trap '' TERM INT; while :; do sleep 0.05; done"]
    monkeypatch.setattr(SmallParts, "workers", lambda self: [self._small("stubborn", stubborn)])
    run = Run(parts)
    run.then("Open", ask_to_stop)
    run.until_stopped()
    assert not carrying(str(tmp_path))


def test_only_the_preparation_sees_the_administrators_password(parts: SmallParts):
    real = Parts(
        folder=parts.folder,
        environ={
            "SPINNAKER_ADMIN_PASSWORD": "given-by-me",
            "SPINNAKER_HOSTS": "a.example",
            "EDITOR": "vi",
            "PATH": "/bin",
        },
        port=8000,
        database_url="postgres://u:p@h/d",
        redis_url="redis://h",
        agent_socket=parts.agent_socket,
    )
    assert real.prepare(1).env["SPINNAKER_ADMIN_PASSWORD"] == "given-by-me"
    for command in (real.web(), *real.workers(), real.agent()):
        assert "given-by-me" not in command.env.values()
    assert real.web().env["SPINNAKER_HOSTS"] == "a.example"
    assert "EDITOR" not in real.web().env
    ours = {"SPINNAKER_AGENT_TOKEN", "SPINNAKER_LAUNCHER_PID", "SPINNAKER_HIDE"}
    assert set(real.agent().env) == {"PATH", "PYTHONUNBUFFERED", *ours}


def test_no_secret_is_on_a_command_line(parts: SmallParts):
    real = Parts(**{name: getattr(parts, name) for name in Parts.__dataclass_fields__})
    secrets = (real.agent_token, real.secret_key, real.database_url, real.redis_url)
    for command in (real.web(), real.prepare(1), *real.workers(), real.agent()):
        assert not [secret for secret in secrets if secret in " ".join(command.argv)]
