"""`manage.py up` that cannot start says so in one sentence on stderr and exits with 1."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from spinnaker_web.embedded import StartError, launch
from spinnaker_web.embedded.data_folder import PROJECT


def up(**settings: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **settings}
    return subprocess.run(
        [sys.executable, "manage.py", "up"], cwd=PROJECT, env=environ, capture_output=True, text=True, timeout=30
    )


def refusal(**settings: str) -> str:
    done = up(**settings)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    return done.stderr.strip()


def test_a_port_in_use(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        sentence = refusal(DATA_DIR=str(tmp_path), PORT=str(port))
    assert sentence == f"Port {port} is in use: choose another one, for example PORT={port + 1}."


def test_a_port_that_is_none(tmp_path: Path):
    assert refusal(DATA_DIR=str(tmp_path), PORT="http") == "PORT is 'http' and should be a number from 1 to 65535."
    assert refusal(DATA_DIR=str(tmp_path), PORT="70000") == "PORT is '70000' and should be a number from 1 to 65535."


def test_data_of_a_newer_version(tmp_path: Path):
    (tmp_path / "version").write_text("99.0.0")
    assert "was written by version 99.0.0" in refusal(DATA_DIR=str(tmp_path))


def test_a_folder_that_cannot_be_used():
    assert refusal(DATA_DIR="/proc/data") == "The data folder /proc/data cannot be used: no such file or directory."


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk(tmp_path: Path):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], capture_output=True).returncode:
        pytest.skip("this host lets nobody mount")
    try:
        assert refusal(DATA_DIR=str(tmp_path)).startswith("The disk is full: ")
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_an_error_of_the_host_is_a_sentence_too(monkeypatch, capsys):
    def fail(say):
        raise OSError(28, "No space left on device", "/data/logs/web.log")

    monkeypatch.setattr(launch, "_launch", fail)
    assert launch.main() == 1
    assert capsys.readouterr().err == "No space left on device: /data/logs/web.log.\n"


def test_a_privileged_port_is_explained(monkeypatch):
    def refuse(self, address):
        raise PermissionError

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(StartError, match="Port 80 is for root only"):
        launch._port("80")


def test_the_agents_socket_has_a_short_path_whatever_the_folder(tmp_path: Path):
    with launch._agent_socket(tmp_path / "data") as path:
        assert path == tmp_path / "data" / "agent" / "agent.sock"
    with launch._agent_socket(tmp_path / ("deep" * 30)) as path:
        assert len(os.fsencode(path)) < 104
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.parent.exists()


def test_django_is_not_imported_before_the_servers_start():
    program = "import sys, spinnaker_web.embedded.launch; print([m for m in ('django', 'psycopg', 'redis') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
