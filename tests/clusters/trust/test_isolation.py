"""What a confined program can still do, tried by real programs under each kind of isolation that this host allows."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clusters.trust import isolation
from clusters.trust.isolation import CONFINE, Isolation, Program
from tests.processes import eventually

UID = 64000
#: Whoever is not root makes namespaces; root becomes somebody else for that.
SOMEBODY = 65534 if os.geteuid() == 0 else os.geteuid()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Reachable for everybody; `home` in it belongs to nobody in particular."""
    outer = Path(tempfile.mkdtemp(prefix="iso-"))
    folder = outer / "given"
    (folder / "home").mkdir(parents=True)
    outer.chmod(0o755)
    (folder / "home").chmod(0o777)
    yield folder
    shutil.rmtree(outer)


def run(
    folder: Path, kind: Isolation, command: str, hidden: tuple[Path, ...] = (), **how: object
) -> subprocess.CompletedProcess[str]:
    program = Program(argv=["/bin/sh", "-c", command], env={"A": "1"}, folder=folder, home=folder / "home", uid=UID)
    order = isolation.order(replace(program, **how), kind, hidden or [folder / "none"], os.getpid())
    (folder / "none").mkdir(exist_ok=True)
    shutil.copy(CONFINE[-1], folder / "confine.py")  # they may reach neither our folder nor our Python
    argv = [shutil.which("python3", path=isolation.PATH) or sys.executable, *CONFINE[1:-1], str(folder / "confine.py")]
    user = SOMEBODY if kind is Isolation.NAMESPACE else None
    return subprocess.run(argv, env=order, capture_output=True, text=True, timeout=20, check=False, user=user)


@pytest.fixture(params=[Isolation.USER, Isolation.NAMESPACE])
def confined(request: pytest.FixtureRequest, folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    kind = request.param
    if kind is Isolation.USER and os.geteuid() != 0:
        pytest.skip("another user needs root")
    if run(folder, kind, "true").returncode:
        pytest.skip("this host does not allow it")
    return lambda command, **how: run(folder, kind, command, **how)


def test_its_environment_is_what_it_was_given(confined: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    names = {line.partition("=")[0] for line in confined("/usr/bin/env").stdout.splitlines()}
    assert names <= {"A", "PWD", "SHLVL", "_"}


def test_the_network_can_be_taken_away(confined: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    look = "cut -d: -f1 -s /proc/self/net/dev"
    assert confined(look, has_network=False).stdout.split() == ["lo"]
    assert confined("cat /sys/class/net/lo/operstate; true", has_network=False).returncode == 0


def test_limits_hold(confined: Callable[..., subprocess.CompletedProcess[str]], folder: Path) -> None:
    asked = confined("ulimit -v; ulimit -t", limits={"AS": 512 * 1024**2, "CPU": 7})
    assert asked.stdout.split() == [str(512 * 1024), "7"]
    many = "for n in 1 2 3 4 5 6 7 8 9 10; do sleep 2 & done; wait; echo all"
    assert "all" not in confined(many, limits={"NPROC": 5}, is_alone=True).stdout


def test_in_a_namespace_what_is_hidden_is_gone_and_what_is_given_stays(folder: Path) -> None:
    (folder.parent / "key").write_text("secret")
    (folder / "package").write_text("given")
    (folder / "none").mkdir()
    folder.chmod(0o777)
    read = f"cat {folder.parent}/key; cat {folder}/package; echo mine > {folder}/home/new; echo no > {folder}/other"
    if run(folder, Isolation.NAMESPACE, "true").returncode:
        pytest.skip("this host does not allow it")
    done = run(folder, Isolation.NAMESPACE, read, hidden=(folder.parent,))
    assert done.stdout == "given"
    assert "Read-only file system" in done.stderr
    assert (folder / "home" / "new").exists()
    assert not (folder / "other").exists()


def test_alone_it_sees_and_signals_nobody_else_and_all_ends_with_it(folder: Path) -> None:
    if run(folder, Isolation.NAMESPACE, "true", is_alone=True).returncode:
        pytest.skip("this host does not allow it")
    beside = subprocess.Popen(["sleep", "60"], user=SOMEBODY)
    left = subprocess.Popen(["true"])
    left.wait()
    try:
        killed = run(folder, Isolation.NAMESPACE, f"kill -9 {beside.pid}; echo $$", is_alone=True)
        assert killed.stdout.strip() == "1"
        assert beside.poll() is None
        run(folder, Isolation.NAMESPACE, "setsid sleep 61 & exit 0", is_alone=True)
        assert eventually(lambda: not _running("sleep\x0061"))
    finally:
        beside.send_signal(signal.SIGKILL)
        beside.wait()


def _running(text: str) -> bool:
    def holds(path: Path) -> bool:
        try:
            return text in (path / "cmdline").read_text()
        except OSError:
            return False

    return any(holds(path) for path in Path("/proc").iterdir() if path.name.isdigit())


def test_the_operators_home_is_hidden_unless_programs_run_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, data = tmp_path / "home", tmp_path / "home" / "data"
    data.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    listed = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    assert home in isolation.to_hide(data)
    assert data not in isolation.to_hide(data)  # covered with its home
    assert listed in isolation.to_hide(data)
    monkeypatch.setenv("HOME", "/usr")
    assert Path("/usr") not in isolation.to_hide(data)
    assert data in isolation.to_hide(data)
    monkeypatch.setenv("HOME", "/")
    assert Path("/") not in isolation.to_hide(data)
