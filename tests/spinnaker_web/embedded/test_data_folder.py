"""The data folder: one owner, private files, refused in one sentence when it cannot be used."""

import os
import shutil
import stat
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from spinnaker_web.embedded import StartError
from spinnaker_web.embedded import data_folder as module
from spinnaker_web.embedded.data_folder import DataFolder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_made_once_long_and_for_our_eyes(tmp_path: Path):
    folder = DataFolder(tmp_path)
    secret = folder.secret("secret_key")
    assert len(secret) >= 50
    assert folder.secret("secret_key") == secret != folder.secret("agent_token")
    assert mode(tmp_path / "secret_key") == 0o600


def test_nobody_else_can_look_around_in_it(tmp_path: Path):
    DataFolder(tmp_path / "new" / "data")
    assert mode(tmp_path / "new" / "data") & 0o066 == 0


def test_a_second_owner_is_told_who_has_it(tmp_path: Path):
    program = f"import pathlib; from spinnaker_web.embedded.data_folder import DataFolder as D; D(pathlib.Path({str(tmp_path)!r}))"
    DataFolder(tmp_path)
    second = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert f"StartError: Process {os.getpid()} already runs on {tmp_path}." in second.stderr


def test_a_large_log_moves_aside_and_a_small_one_is_continued(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "LOG_BYTES", 10)
    folder = DataFolder(tmp_path)
    folder.log("web").write_text("short")
    assert folder.log("web").read_text() == "short"
    folder.log("web").write_text("longer than ten bytes")
    assert not folder.log("web").exists()
    assert (tmp_path / "logs" / "web.log.1").read_text() == "longer than ten bytes"


def test_what_is_published_is_for_our_eyes_and_can_be_taken_back(tmp_path: Path):
    folder = DataFolder(tmp_path)
    folder.publish({"pid": 1})
    assert mode(tmp_path / "up.json") == 0o600
    folder.retract()
    folder.retract()
    assert not (tmp_path / "up.json").exists()


def test_what_a_killed_owner_published_is_gone_at_the_next_start(tmp_path: Path):
    (tmp_path / "up.json").write_text("{}")
    DataFolder(tmp_path)
    assert not (tmp_path / "up.json").exists()


@pytest.mark.parametrize(("theirs", "is_newer"), [("0.0.9", False), ("99.0.0", True), ("0.10000.0", True)])
def test_data_of_a_newer_version_is_refused(tmp_path: Path, theirs: str, is_newer: bool):
    (tmp_path / "version").write_text(theirs)
    if is_newer:
        with pytest.raises(StartError, match=f"was written by version {theirs} and this is .*: update, or choose"):
            DataFolder(tmp_path)
    else:
        DataFolder(tmp_path)
        assert (tmp_path / "version").read_text() == module._version()


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch):
    usage = namedtuple("usage", "total used free")(10**9, 10**9, 12 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(StartError, match=r"^The disk is full: .* has room for 12 MB and needs 200 MB\.$"):
        DataFolder(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"^The data folder .*file/data cannot be used: not a directory\.$"):
        DataFolder(tmp_path / "file" / "data")
