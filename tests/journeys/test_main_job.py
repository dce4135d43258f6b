"""The main job on a stack as `make run` starts it: the demo with a fault in it, and every command of the documentation."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from spinnaker_web.embedded.data_folder import PROJECT
from tests.installation import Installation, ours

pytestmark = pytest.mark.slow

DOCUMENTS = sorted((PROJECT / "docs").glob("*.md"))


@pytest.fixture(scope="module")
def stack() -> Iterator[Installation]:
    with ours() as installation:
        installation.up()
        yield installation
        installation.end(signal.SIGTERM)


def told_by(stack: Installation, *arguments: str) -> tuple[int, str]:
    process = stack.run("manage.py", *arguments)
    told, _ = process.communicate(timeout=240)
    return process.returncode, told


def test_production_is_replaced_without_a_failed_request_while_its_instances_are_killed(stack: Installation):
    code, told = told_by(stack, "demo", "--kill")
    assert code == 0, told
    last = told.strip().splitlines()[-1]
    assert re.fullmatch(
        r"Succeeded in [\d.]+ s: 6 stages, 3 instances killed, \d+ requests through the load balancer, 0 failed"
        r" \(\d+ in flight on a killed process\)",
        last,
    ), told


@pytest.mark.long
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_commands_of_the_documentation_work(stack: Installation, document: Path, tmp_path: Path):
    blocks = re.findall(r"```sh\n(.*?)```", document.read_text(), re.S)
    if not blocks:
        return
    package(tmp_path / "hello.tar.gz")
    make = (
        "from spinnaker_web.access import tokens; from django.contrib.auth import get_user_model as m;"
        "print('token', tokens.make(m().objects.get(username='admin'), 'docs'))"
    )
    token = told_by(stack, "shell", "--command", make)[1].rpartition("token ")[2].strip()
    environ = {"PATH": "/usr/bin:/bin", "URL": f"http://127.0.0.1:{stack.port}", "TOKEN": token}
    for block in blocks:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block], cwd=tmp_path, env=environ, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        assert done.stdout.strip()


def package(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        run = tarfile.TarInfo("run")
        run.mode, run.size = 0o755, 10
        archive.addfile(run, io.BytesIO(b"#!/bin/sh\n"))
