"""The embedded Valkey: one server per folder, a password for everybody, what it holds survives."""

import os
import signal
import stat
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from clusters.providers.local.children import Child
from spinnaker_web.embedded import StartError, server
from spinnaker_web.embedded.valkey import Valkey
from tests.processes import eventually, is_running


def start(folder: Path, **options: bool) -> tuple[Valkey, Child]:
    valkey = Valkey(folder, **options)
    valkey.initialise()
    child = Child(valkey.command(folder / "log"))
    valkey.wait_until_ready(child)
    return valkey, child


@pytest.fixture
def running(tmp_path: Path):
    valkey, child = start(tmp_path / "a folder with spaces")
    yield valkey, child
    child.stop()


def test_it_answers_to_its_url(running):
    with redis.from_url(running[0].url) as client:
        assert client.ping()


def test_without_the_password_it_answers_nothing(running):
    once = Retry(NoBackoff(), 0)
    with redis.Redis(port=running[0].port, retry=once) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_the_password_is_for_our_eyes_and_on_no_command_line(running):
    valkey, child = running
    assert stat.S_IMODE((valkey.folder / "valkey.conf").stat().st_mode) == 0o600
    assert valkey._password not in " ".join(child.command.argv)


def test_a_second_server_on_the_folder_is_refused_in_one_sentence(running, monkeypatch):
    monkeypatch.setattr(server, "PREDECESSOR_SECONDS", 0.1)
    with pytest.raises(StartError, match=r"^Another Valkey is running on .*\.$"):
        Valkey(running[0].folder).initialise()


def test_what_it_holds_survives_a_stop(tmp_path: Path):
    valkey, child = start(tmp_path)
    redis.from_url(valkey.url).set("hint", "42")
    child.stop()
    os.close(valkey.lock)
    valkey, child = start(tmp_path)
    assert redis.from_url(valkey.url).get("hint") == b"42"
    child.stop()


def test_a_killed_server_lets_go_of_the_folder(running):
    valkey, child = running
    os.kill(child.pid, signal.SIGKILL)
    assert eventually(lambda: not is_running(child.pid))
    os.close(valkey.lock)
    _, successor = start(valkey.folder)
    successor.stop()


def test_a_throwaway_server_writes_no_log(tmp_path: Path):
    _, child = start(tmp_path, is_throwaway=True)
    child.stop()
    assert not (tmp_path / "appendonlydir").exists()


def test_a_server_that_cannot_start_says_why(tmp_path: Path, running):
    valkey = Valkey(tmp_path / "other")
    valkey.port = running[0].port
    valkey.initialise()
    child = Child(valkey.command(tmp_path / "log"))
    with pytest.raises(StartError, match=r"Valkey ended with exit code 1 instead of starting\. .*"):
        valkey.wait_until_ready(child)
