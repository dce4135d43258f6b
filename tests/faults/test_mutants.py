"""The tests have teeth: with one guard taken out of a copy of the source, they fail. A patch that no longer fits says so."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tests.local_agent import ROOT

PATCHES = sorted((Path(__file__).parent / "mutants").glob("*.patch"))
COPIED = ("clusters", "pipelines", "spinnaker_web", "templates", "static", "tests", "manage.py", "pyproject.toml")
#: The part of the tests that is run on each mutant: what is about takeovers, of the engine alone and of real workers.
SUITE = ("tests/pipelines/engine", "tests/faults/test_signals.py", "-k", "stale or taken_over or create")
#: What a mutant must not get away with, whatever else notices it.
WITNESS = "tests/faults/test_signals.py::test_a_worker_stopped_past_its_lease_writes_nothing_when_it_goes_on"
LONGEST_SECONDS = 180


class Caught(UserWarning):
    """Not a fault: tells in the summary which tests caught a mutant."""


@pytest.mark.long
@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_the_suite_fails_on_a_mutant(patch: Path, tmp_path: Path) -> None:
    source = copy(tmp_path / "source")
    fits = subprocess.run(["git", "apply", str(patch)], cwd=source, capture_output=True, text=True)
    assert fits.returncode == 0, f"{patch.name} no longer fits the source, make it anew: {fits.stderr}"
    output = run_suite(source)
    failed = re.findall(r"^FAILED (\S+)", output, re.MULTILINE)
    assert any(name.startswith(WITNESS) for name in failed), output[-5000:]
    warnings.warn(f"mutant {patch.stem} was caught by {', '.join(failed)}", Caught, stacklevel=1)


def copy(folder: Path) -> Path:
    folder.mkdir()
    for name in COPIED:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, folder)
    return folder


def run_suite(source: Path) -> str:
    """What pytest says in the copy, with servers of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "SPINNAKER_"))}
    for name in ("DATABASE_URL", "REDIS_URL"):
        kept.pop(name, None)
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SUITE]
    suite = subprocess.Popen(
        argv, cwd=source, env=kept, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        return suite.communicate(timeout=LONGEST_SECONDS)[0]
    finally:
        if suite.poll() is None:
            os.killpg(suite.pid, signal.SIGKILL)
            suite.wait()
