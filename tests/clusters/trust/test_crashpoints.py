import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from clusters.trust.crashpoints import crashpoint
for name in ("one", "two", "three"):
    crashpoint(name)
    print(name, flush=True)
"""


def run(**env: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[3]
    return subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, env=env, capture_output=True, text=True)


def test_nothing_happens_unless_asked_for() -> None:
    assert run().stdout.split() == ["one", "two", "three"]


def test_the_process_is_killed_at_the_point_asked_for() -> None:
    ended = run(CRASH_AT="2")
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.split() == ["one"]


def test_the_points_are_recorded(tmp_path: Path) -> None:
    record = tmp_path / "points"
    run(CRASH_AT="3", CRASH_RECORD=str(record))
    assert record.read_text().split() == ["one", "two", "three"]


def test_points_are_counted_from_a_named_one_on() -> None:
    assert run(CRASH_FROM="two", CRASH_AT="1").stdout.split() == ["one"]
    assert run(CRASH_FROM="two", CRASH_AT="2").stdout.split() == ["one", "two"]


def test_another_signal_may_be_sent() -> None:
    assert run(CRASH_AT="2", CRASH_SIGNAL="SIGTERM").returncode == -signal.SIGTERM
