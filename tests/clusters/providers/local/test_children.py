"""Children end with their parent, are stopped with all they started, and come back with backoff."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from clusters.providers.local.children import Child, Command, Supervisor, describe_exit
from tests.processes import carrying, eventually, is_running

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")


def shell(script: str, **options: object) -> Command:
    return Command(name="part", argv=["/bin/sh", "-c", script], env={"PATH": os.environ["PATH"]}, **options)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def sentences():
    return []


@pytest.fixture
def supervised(sentences):
    clock = Clock()
    supervisor = Supervisor(sentences.append, clock)
    yield supervisor, clock
    supervisor.stop(grace_seconds=1)


def crash(child: Child, supervisor: Supervisor) -> None:
    os.kill(child.pid, signal.SIGKILL)
    assert eventually(lambda: not is_running(child.pid))
    supervisor.check()


def test_a_child_sees_its_own_environment_and_a_marker_only(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("SPINNAKER_MARKER", "run-7")
    monkeypatch.setenv("SECRET_OF_THE_PARENT", "x")
    child = Child(Command(name="env", argv=["/usr/bin/env"], env={"A": "1"}, log=tmp_path / "log"))
    assert child.wait(5) == 0
    assert set((tmp_path / "log").read_text().split()) == {"A=1", "SPINNAKER_MARKER=run-7"}


def test_a_log_is_continued_not_overwritten(tmp_path: Path):
    for word in ("first", "second"):
        Child(shell(f"echo {word} >&2", log=tmp_path / "log")).wait(5)
    assert (tmp_path / "log").read_text() == "first\nsecond\n"


def test_stopping_reaches_what_the_child_started(tmp_path: Path):
    child = Child(shell("sleep 60 & echo $! > grandchild; wait", cwd=tmp_path))
    assert eventually(lambda: (tmp_path / "grandchild").is_file() and (tmp_path / "grandchild").read_text() != "")
    grandchild = int((tmp_path / "grandchild").read_text())
    assert child.stop(5) == -signal.SIGTERM
    assert eventually(lambda: not is_running(grandchild))


def test_a_child_that_ignores_the_request_is_killed_after_the_grace(tmp_path: Path):
    child = Child(shell("trap '' TERM; touch ready; while :; do sleep 0.1; done", cwd=tmp_path))
    assert eventually((tmp_path / "ready").exists)
    assert child.stop(grace_seconds=0.3) == -signal.SIGKILL


def test_a_child_is_asked_with_its_own_signal(tmp_path: Path):
    child = Child(
        shell("trap 'exit 3' INT; touch ready; while :; do sleep 0.1; done", cwd=tmp_path, stop_signal=signal.SIGINT)
    )
    assert eventually((tmp_path / "ready").exists)
    assert child.stop(5) == 3


def test_what_a_crashed_child_started_ends_with_it(tmp_path: Path):
    child = Child(shell("sleep 60 & echo $! > grandchild; kill -9 $$", cwd=tmp_path))
    assert eventually(lambda: child.poll() is not None)
    assert eventually(lambda: not is_running(int((tmp_path / "grandchild").read_text())))


@linux_only
def test_a_killed_parent_leaves_no_child_behind(tmp_path: Path):
    program = textwrap.dedent("""
        import time
        from clusters.providers.local.children import Child, Command
        Child(Command(name="part", argv=["/bin/sleep", "60"], env={"SPINNAKER_MARKER": "orphan-test"}))
        print("started", flush=True)
        time.sleep(60)
    """)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline() == "started\n"
        assert carrying("orphan-test")
        parent.kill()
    assert eventually(lambda: not carrying("orphan-test"))


@linux_only
def test_a_child_without_a_death_signal_outlives_its_parent():
    program = textwrap.dedent("""
        from clusters.providers.local.children import Child, Command
        Child(Command(name="part", argv=["/bin/sleep", "60"], env={"SPINNAKER_MARKER": "survivor"}, death_signal=None))
    """)
    subprocess.run([sys.executable, "-c", program], check=True)
    (survivor,) = carrying("survivor")
    os.kill(survivor, signal.SIGKILL)


def test_a_crashed_child_is_named_and_started_again(supervised, sentences):
    supervisor, clock = supervised
    child = supervisor.start(shell("sleep 60"))
    crash(child, supervisor)
    assert sentences == ["part was killed by SIGKILL; starting it again in 0.5 s."]
    supervisor.check()
    assert len(sentences) == 1, "it waits for its time"
    clock.now += 0.5
    supervisor.check()
    assert sentences[1].startswith("part is running again as process ")


def test_the_backoff_doubles_up_to_half_a_minute(supervised, sentences):
    supervisor, clock = supervised
    supervisor.start(shell("exit 1"))
    for expected in range(1, 18):
        clock.now += 30 if expected % 2 == 0 else 0  # every second sentence is a start, which waits for its time
        assert eventually(lambda expected=expected: supervisor.check() or len(sentences) == expected)
    waits = [sentence.split(" in ")[1] for sentence in sentences if "starting it again" in sentence]
    assert waits[:9] == ["0.5 s.", "1 s.", "2 s.", "4 s.", "8 s.", "16 s.", "30 s.", "30 s.", "30 s."]


def test_a_minute_of_health_resets_the_backoff(supervised, sentences):
    supervisor, clock = supervised
    child = supervisor.start(shell("sleep 60"))
    for _ in range(3):
        crash(child, supervisor)
        clock.now += 30
        supervisor.check()
        child = supervisor._watched[0].child
    clock.now += 60
    crash(child, supervisor)
    assert sentences[-1].endswith("starting it again in 0.5 s.")


def test_a_program_that_vanished_is_tried_again(supervised, sentences, tmp_path: Path):
    supervisor, clock = supervised
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nsleep 60\n")
    program.chmod(0o755)
    child = supervisor.start(Command(name="part", argv=[str(program)], env={"PATH": os.environ["PATH"]}))
    program.unlink()
    crash(child, supervisor)
    clock.now += 0.5
    supervisor.check()
    assert sentences[-1].startswith("part cannot be started (")
    assert sentences[-1].endswith("trying again in 1 s.")


def test_a_program_that_does_not_exist_is_refused_at_first_start(supervised):
    supervisor, _ = supervised
    with pytest.raises(OSError):
        supervisor.start(Command(name="part", argv=["/no/such/program"], env={}))


def test_all_children_are_asked_before_any_is_waited_for(tmp_path: Path):
    supervisor = Supervisor(print)
    script = "trap 'sleep 0.4; exit 0' TERM; touch $0; while :; do sleep 0.05; done"
    children = [
        supervisor.start(Command(name=name, argv=["/bin/sh", "-c", script, name], env=os.environ, cwd=tmp_path))
        for name in "abc"
    ]
    assert eventually(lambda: all((tmp_path / name).exists() for name in "abc"))
    supervisor.stop(grace_seconds=0.8)
    assert [child.poll() for child in children] == [0, 0, 0]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with exit code 0"),
        (-15, "was killed by SIGTERM"),
        (-64, "was killed by SIGRTMAX"),
        (-99, "was killed by signal 99"),
    ],
)
def test_exit_codes_are_readable(code: int, words: str):
    assert describe_exit(code) == words
