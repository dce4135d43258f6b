"""`manage.py up` with its real parts, as root and as an ordinary user: start, crash, stop, restart, kill."""

import os
import signal
import stat
import sys
import time
import urllib.request

import psycopg
import pytest

from tests import installation
from tests.installation import Installation, command_line
from tests.processes import eventually

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")]


@pytest.fixture(params=["ours", pytest.param("somebody_elses", marks=pytest.mark.long)])
def installed(request):
    if request.param == "somebody_elses" and os.geteuid() != 0:
        pytest.skip("only root can become another ordinary user")
    with getattr(installation, request.param)() as made:
        yield made


def users(url: str) -> list[tuple[str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT username, is_superuser FROM auth_user WHERE is_superuser").fetchall()


def test_it_starts_survives_a_crash_stops_and_starts_again_with_its_data(installed: Installation):
    told = installed.up()
    first_start_names_every_part(told, installed)
    it_can_be_attached_to(installed)
    no_secret_is_in_a_command_line(installed)
    other_commands_join_it(installed)
    a_second_one_is_refused(installed)
    a_crashed_worker_is_named_and_comes_back(installed)
    it_stops_within_ten_seconds(installed)

    told = installed.up()
    assert "password" not in told, "it is told once"
    assert users(installed.facts()["database_url"]) == [("admin", True)]
    a_script_runs_isolated(installed)
    a_kill_leaves_nothing_behind(installed)


def first_start_names_every_part(told: str, installed: Installation) -> None:
    for name in ("PostgreSQL", "Valkey", "local cloud", "database", "web"):
        assert f"{name:<16} ready after " in told
    assert f"Open http://127.0.0.1:{installed.port}/\nSign in as admin with the password " in told


def it_can_be_attached_to(installed: Installation) -> None:
    facts = installed.facts()
    assert stat.S_IMODE((installed.data / "up.json").stat().st_mode) == 0o600
    assert facts["pid"] == installed.started.pid
    with urllib.request.urlopen(f"{facts['url']}health", timeout=5) as answer:
        assert answer.status == 200


def no_secret_is_in_a_command_line(installed: Installation) -> None:
    facts = installed.facts()
    secrets = [facts["agent_token"], facts["secret_key"]]
    secrets += [facts[url].rpartition("@")[0].rpartition(":")[2] for url in ("database_url", "redis_url")]
    for pid in installed.leftovers():
        assert not [secret for secret in secrets if secret in command_line(pid)], command_line(pid)


def other_commands_join_it(installed: Installation) -> None:
    command = installed.run("manage.py", "migrate", "--check")
    told, _ = command.communicate(timeout=30)
    assert (command.returncode, told) == (0, ""), told


def a_second_one_is_refused(installed: Installation) -> None:
    second = installed.run("manage.py", "up")
    told, _ = second.communicate(timeout=10)
    assert told == f"Process {installed.started.pid} already runs on {installed.data}.\n"
    assert second.returncode == 1


def a_crashed_worker_is_named_and_comes_back(installed: Installation) -> None:
    victim = installed.processes("manage.py drive")[0]
    os.kill(victim, signal.SIGKILL)
    told = installed.says("is running again as process")
    assert "was killed by SIGKILL; starting it again in 0.5 s.\ndrive worker " in told


def it_stops_within_ten_seconds(installed: Installation) -> None:
    began = time.monotonic()
    assert installed.end(signal.SIGTERM) == 0
    is_gone = eventually(lambda: not installed.leftovers(), within_seconds=began + 10 - time.monotonic())
    assert is_gone, [command_line(pid) for pid in installed.leftovers()]
    assert not (installed.data / "up.json").exists()


#: Starts an execution of one script, as the administrator.
START = """
from django.contrib.auth import get_user_model
from clusters.models import Application
from clusters.trust.permissions import actor_of
from pipelines.operations import run_task
command = "echo begun; id -u; cat {secret} && echo reached; setsid sleep 100 & sleep 100"
actor = actor_of(get_user_model().objects.get(username="admin"))
stage = {{"refId": "1", "type": "script", "name": "Count", "command": command}}
run_task(actor, Application.objects.create(name="scripted"), "Try", [stage])
"""


def a_script_runs_isolated(installed: Installation) -> None:
    """And is still under way when `up` is killed."""
    code = START.format(secret=installed.data / "secret_key")
    command = installed.run("manage.py", "shell", "--no-imports", "--command", code)
    told, _ = command.communicate(timeout=30)
    assert command.returncode == 0, told
    assert eventually(lambda: "denied" in log_of_work(installed) or "No such file" in log_of_work(installed), 15), (
        log_of_work(installed),
        installed.logs(),
    )
    assert "reached" not in log_of_work(installed)
    assert len([pid for pid in installed.leftovers() if "sleep 100" in command_line(pid)]) == 2


def log_of_work(installed: Installation) -> str:
    with psycopg.connect(installed.facts()["database_url"]) as connection:
        return "".join(log for (log,) in connection.execute("SELECT log FROM pipelines_work").fetchall())


def a_kill_leaves_nothing_behind(installed: Installation) -> None:
    assert installed.leftovers()
    assert installed.end(signal.SIGKILL) == -signal.SIGKILL
    assert eventually(lambda: not installed.leftovers(), within_seconds=10), [
        command_line(pid) for pid in installed.leftovers()
    ]
