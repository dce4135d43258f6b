"""The README's two commands do what it says: in a fresh clone, with an empty home, as root and as an ordinary user."""

import os
import pwd
import re
import signal
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from spinnaker_web.embedded.data_folder import PROJECT
from spinnaker_web.embedded.server import free_port
from tests.installation import becoming
from tests.processes import eventually, living_in

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not (PROJECT / ".git").exists(), reason="not a clone")]

ORDINARY = "nobody"


@pytest.fixture(params=[pytest.param("root", marks=pytest.mark.long), ORDINARY])
def home(request) -> Iterator[Path]:
    """An empty home of that user, who is the tests' own one where they do not run as root."""
    if request.param == ORDINARY and os.geteuid() != 0:
        pytest.skip("the tests run as an ordinary user: that is the other case")
    with tempfile.TemporaryDirectory(prefix="spinnaker-readme-") as folder:
        if request.param == ORDINARY:
            os.chown(folder, pwd.getpwnam(ORDINARY).pw_uid, pwd.getpwnam(ORDINARY).pw_gid)
        yield Path(folder)


def commands() -> list[str]:
    """The lines of the README's first block of shell."""
    return re.search(r"```sh\n(.*?)```", (PROJECT / "README.md").read_text(), re.S)[1].splitlines()


def publish(home: Path, address: str) -> str:
    """Where the repository that the README names can be cloned without a network: a copy that belongs to the user, since
    git refuses to clone somebody else's."""
    copy = home / "published" / address.rpartition("/")[2]
    subprocess.run(["git", "clone", "--quiet", "--bare", PROJECT, copy], check=True)
    subprocess.run(["chown", "-R", "--reference", home, copy.parent], check=True)
    return str(copy)


def test_the_two_commands_bring_up_a_site(home: Path):
    clone, run = commands()
    clone = re.sub(r"https://\S+", lambda address: publish(home, address[0]), clone)
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("PIP_")}
    shell = subprocess.Popen(
        ["bash", "-c", f"set -e; {clone}; {run}"],
        cwd=home,
        env={**kept, "HOME": str(home), "PORT": str(port)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **becoming(home.stat().st_uid),
    )
    try:
        told = ""
        while "Stop with Ctrl-C." not in told:
            line = shell.stdout.readline()
            assert line, told
            told += line
        assert f"Open http://127.0.0.1:{port}/\nSign in as admin with the password " in told
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            assert answer.status == 200
    finally:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGINT)  # what a terminal does on Ctrl-C
        shell.communicate(timeout=20)
    assert eventually(lambda: not living_in(home), within_seconds=10)
