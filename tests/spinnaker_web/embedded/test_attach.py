"""A command beside a running platform needs no settings: it finds them in the data folder."""

import os
import subprocess
from pathlib import Path

import pytest

from spinnaker_web.embedded.attach import SETTINGS, attach
from spinnaker_web.embedded.data_folder import DataFolder


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path)
    folder.publish({"pid": os.getpid(), **{fact: f"the {fact}" for fact in SETTINGS}})
    return folder


def test_it_gets_what_the_running_platform_published(folder: DataFolder):
    environ = {"DATA_DIR": str(folder.path), "SPINNAKER_SECRET_KEY": "mine"}
    attach(environ)
    assert environ["DATABASE_URL"] == "the database_url"
    assert environ["SPINNAKER_AGENT_TOKEN"] == "the agent_token"
    assert environ["SPINNAKER_SECRET_KEY"] == "mine"


def test_a_named_database_is_not_mixed_with_the_rest_of_another_platform(folder: DataFolder):
    environ = {"DATA_DIR": str(folder.path), "DATABASE_URL": "mine"}
    attach(environ)
    assert set(environ) == {"DATA_DIR", "DATABASE_URL"}


def test_what_a_killed_platform_left_is_not_believed(folder: DataFolder):
    with subprocess.Popen(["/bin/true"]) as ended:
        pass
    folder.publish({"pid": ended.pid, **dict.fromkeys(SETTINGS, "stale")})
    environ = {"DATA_DIR": str(folder.path)}
    attach(environ)
    assert set(environ) == {"DATA_DIR"}


def test_where_nothing_runs_nothing_happens(tmp_path: Path):
    environ = {"DATA_DIR": str(tmp_path)}
    attach(environ)
    assert set(environ) == {"DATA_DIR"}
