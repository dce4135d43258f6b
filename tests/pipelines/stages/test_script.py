"""Scripts on the real engine, run by a real worker's code as real processes that are kept from everything."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction

from clusters.models import ApplicationPermission, AuditEntry
from clusters.trust.isolation import Isolation
from pipelines.engine import speak, work
from pipelines.engine.drive import drive
from pipelines.models import Stage, Work
from pipelines.work import script
from tests import processes
from tests.jenkins import Controller
from tests.pipelines.engine.conftest import admin, application, begin
from tests.pipelines.stages.conftest import World
from tests.pipelines.stages.test_jenkins import ci, until

__all__ = ["admin", "application", "begin", "ci"]

pytestmark = pytest.mark.xdist_group("scripts")

SCRIPT = {"type": "script", "name": "Count"}
MARKED = "SPINNAKER_MARKER"


@pytest.fixture(autouse=True)
def marked(settings, monkeypatch):
    """Scripts are on, and whatever is left of one can be found by what is returned."""
    settings.SCRIPTS = True
    if script.host().isolation is Isolation.NONE:
        pytest.skip("this host allows no isolation")
    marker = f"script-{time.time_ns()}"
    monkeypatch.setenv(MARKED, marker)
    return marker


@pytest.fixture
def run(begin):
    """run(command="…") -> the ended execution."""

    def run(**fields):
        execution = begin({**SCRIPT, **fields})
        drive(execution.pk)
        while claimed := work.claim():
            work.carry_out(claimed)
        drive(execution.pk)
        execution.refresh_from_db()
        return execution

    return run


def log():
    return Work.objects.get().log


def test_a_command_runs_with_what_it_was_given_and_nothing_else(run, marked):
    execution = run(command="echo hello $NAME; /usr/bin/env; pwd; id -u; ls -A", environment={"NAME": "you"})
    assert execution.status == "SUCCEEDED", execution.message
    first, *lines = log().splitlines()
    assert first == "hello you"
    names = {line.partition("=")[0] for line in lines if "=" in line}
    assert names <= {"PATH", "LANG", "HOME", "TMPDIR", "NAME", "PWD", "SHLVL", "OLDPWD", "_", MARKED}
    assert lines[-2].endswith("/home")
    assert lines[-1] not in ("0", str(os.getuid())) or os.geteuid() != 0
    assert Stage.objects.get().context["exitCode"] == 0
    assert not Path(lines[-2]).exists()
    assert processes.carrying(marked) == []


def test_a_shebang_chooses_another_interpreter(run):
    run(command="#!/usr/bin/env python3\nprint(6 * 7)\n")
    assert log() == "42\n"


def test_a_failing_command_fails_the_stage_with_its_exit_code(run):
    execution = run(command="echo before; exit 3")
    assert (execution.status, execution.message) == ("TERMINAL", "Count: The script ended with exit code 3.")
    assert Stage.objects.get().context["exitCode"] == 3
    assert log() == "before\n"


def test_it_is_ended_when_its_time_is_over_with_all_it_started(run, marked):
    began = time.monotonic()
    execution = run(command="trap '' TERM; setsid sleep 60 & setsid sh -c 'sleep 61' & sleep 62", timeout=0.5)
    assert execution.message == "Count: The script was ended after 0.5 s, the time it had."
    assert time.monotonic() - began < 10
    assert processes.carrying(marked) == []


def test_what_it_leaves_behind_ends_with_it(run, marked):
    began = time.monotonic()
    assert run(command="setsid sleep 60 & (setsid sleep 61 &) ; echo done").status == "SUCCEEDED"
    assert time.monotonic() - began < 20
    assert processes.carrying(marked) == []


def test_it_cannot_fork_without_end_nor_take_all_memory(run, marked):
    execution = run(command="bomb() { bomb | bomb & }; bomb; sleep 1; echo over", timeout=5)
    assert execution.status in ("SUCCEEDED", "TERMINAL")
    assert processes.carrying(marked) == []
    execution = run_again(run, command="#!/usr/bin/env python3\nx = bytearray(3 * 1024**3)\n")
    assert execution.message == "Count: The script ended with exit code 1."
    assert "MemoryError" in log()


def run_again(run, **fields):
    Work.objects.all().delete()
    return run(**fields)


def test_endless_output_is_cut_and_then_ended(run):
    execution = run(command="yes 0123456789012345678901234567890123456789")
    assert execution.message == "Count: The script was ended when it had printed more than 16 MiB."
    assert 0 < len(log()) <= 64 * 1024


@pytest.mark.parametrize(
    "tried",
    [
        "cat {worker}/environ",
        "cat {settings}",
        "cat /etc/shadow",
        "touch /usr/bin/mine",
        "touch /etc/mine",
        "kill -9 {pid}",
        "kill -9 1",
        "ls -A {data}",
        "mount -t tmpfs none /mnt",
        "chroot / true",
        "mknod here b 8 0",
        "su -c true",
    ],
)
def test_what_is_ours_cannot_be_reached(run, tmp_path, tried, settings):
    settings.DATA_DIR = tmp_path
    (tmp_path / "secret").write_text("x")
    (tmp_path / "settings").write_text("x")
    tmp_path.chmod(0o700)
    command = tried.format(
        worker="/proc/" + str(os.getpid()), settings=tmp_path / "settings", pid=os.getpid(), data=tmp_path
    )
    execution = run(command=f"{command} && echo reached")
    assert execution.status == "TERMINAL"
    assert "reached" not in log()


def test_it_has_no_network_unless_it_is_left_to_it(run, settings):
    if not script.host().has_namespaces:
        pytest.skip("this host cannot take the network away")
    look = "cut -d: -f1 -s /proc/self/net/dev"
    run(command=look)
    assert log().split() == ["lo"]
    port = connection.settings_dict["PORT"]
    knock = f"#!/usr/bin/env python3\nimport socket\nsocket.create_connection(('127.0.0.1', {port}), 2)\nprint('in')\n"
    run_again(run, command=knock)
    assert "in\n" not in log()
    settings.SCRIPT_NETWORK = True
    run_again(run, command=knock)
    assert log() == "in\n"


def test_temporary_files_of_one_are_not_seen_by_the_next(run):
    if not script.host().has_namespaces:
        pytest.skip("this host cannot give it folders of its own")
    run(command="echo mine > /tmp/of-a-script; cat /tmp/of-a-script; ls /tmp")
    assert log().split()[:1] == ["mine"]
    assert not Path("/tmp/of-a-script").exists()


def test_secrets_it_was_given_are_not_in_its_log(run):
    run(command="echo the token is $API_TOKEN, $OTHER", environment={"API_TOKEN": "hunter2hunter2", "OTHER": "plain"})
    assert log() == "the token is ••••••, plain\n"
    after = AuditEntry.objects.get(action="script.run").after
    assert after["environment"] == {"API_TOKEN": "••••••", "OTHER": "plain"}


def test_properties_it_writes_are_outputs(run):
    execution = run(
        command="echo 'version = 1.2' > out.properties; echo size:3 >> out.properties", propertyFile="out.properties"
    )
    assert execution.status == "SUCCEEDED", execution.message
    wanted = {"version": "1.2", "size": "3"}
    assert Stage.objects.get().outputs == wanted | {"propertyFileContents": wanted}


@pytest.mark.parametrize(
    "command",
    ["true", "ln -s /etc/passwd out.properties", "mkdir out.properties", "mkfifo out.properties", ": > out.properties"],
)
def test_a_property_file_that_is_none_fails_the_stage(run, command):
    execution = run(command=command, propertyFile="out.properties")
    assert execution.message.startswith("Count: Expected properties file out.properties but it was either missing")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "command"),
        ({"command": "true", "propertyFile": "../../etc/passwd"}, "propertyFile"),
        ({"command": "true", "environment": {"A B": "1"}}, "environment"),
        ({"command": "true", "timeout": 0}, "timeout"),
        ({"command": "true", "timeout": "long"}, "timeout"),
    ],
)
def test_what_cannot_be_run_names_its_field(run, fields, path):
    assert run(**fields).message.startswith(f"Count: {path}: ")
    assert not Work.objects.exists()


def test_execute_on_the_application_is_not_enough(begin, application, django_user_model):
    role = Group.objects.create(name="developers")
    ApplicationPermission.objects.create(application=application, role=role, authorization="EXECUTE")
    dora = django_user_model.objects.create_user("dora")
    dora.groups.add(role)

    def told():
        execution = begin({**SCRIPT, "command": "true"})
        execution.acting_user = dora
        execution.started_by = "dora"
        execution.save()
        drive(execution.pk)
        execution.refresh_from_db()
        return execution.message

    refused = "Count: dora may not run scripts: an administrator gave pipelines.run_script to none of their roles."
    assert told() == refused
    assert not Work.objects.exists()
    role.permissions.add(Permission.objects.get(codename="run_script"))
    assert told() == ""
    assert Work.objects.count() == 1


def test_switched_off_it_says_who_can_switch_it_on(run, settings):
    settings.SCRIPTS = False
    assert run(command="true").message == f"Count: {script.OFF}"


def test_where_nothing_isolates_it_is_refused(run, monkeypatch):
    monkeypatch.setattr(script, "host", lambda: script.Host(Isolation.NONE, has_namespaces=False))
    assert run(command="true").message == f"Count: {script.NOT_ISOLATED}"


def test_a_cancel_ends_it_within_two_seconds(begin, marked):
    execution = begin({**SCRIPT, "command": "echo begun; sleep 60"})
    drive(execution.pk)
    worker = threading.Thread(target=lambda: (work.carry_out(work.claim()), connection.close()))
    worker.start()
    assert processes.eventually(lambda: Work.objects.filter(log="begun\n").exists())  # while it runs
    began = time.monotonic()
    with transaction.atomic():
        speak.cancel(speak.lock(execution.pk), "ada", "")
    drive(execution.pk)
    worker.join(10)
    assert time.monotonic() - began < 2
    assert processes.carrying(marked) == []
    assert Work.objects.get().status == "CANCELED"


def test_without_waiting_the_stage_is_done_at_once_and_the_script_goes_on(begin):
    execution = begin({**SCRIPT, "command": "sleep 1; echo late", "waitForCompletion": False})
    drive(execution.pk)
    execution.refresh_from_db()
    assert execution.status == "SUCCEEDED"
    work.carry_out(work.claim())
    assert (Work.objects.get().status, log()) == ("SUCCEEDED", "late\n")


def test_spinnakers_form_runs_as_a_jenkins_job(world: World, ci: Controller):
    names = ("SCRIPT_PATH", "COMMAND", "IMAGE_ID", "REGION_PARAM", "ENV_PARAM", "CLUSTER_PARAM", "CMC", "REPO_URL")
    ci.job("scripts", **dict.fromkeys(names, ()))
    fields = {
        "master": "ci",
        "job": "scripts",
        "scriptPath": "bin",
        "image": "img-1",
        "region": "r",
        "repoUrl": "git:x",
    }
    world.begin({**SCRIPT, "command": "go", "propertyFile": "out.properties", **fields})
    until(world, ci, "waitForScriptStart")
    number = ci.begin("scripts")
    until(world, ci, "monitorScript")
    ci.end("scripts", "SUCCESS", **{"out.properties": b"a=1"})
    execution = world.go_on()
    assert execution.status == "SUCCEEDED", execution.message
    steps = "[startScript,waitForScriptStart,monitorScript,getBuildProperties,getBuildArtifacts]"
    assert world.tree() == [f"1 script 'Count' {steps}"]
    assert Stage.objects.get(execution=execution).outputs["a"] == "1"
    assert not Work.objects.exists()
    assert number


@pytest.mark.parametrize("fields", [{"master": "ci"}, {"job": "scripts"}])
def test_a_jenkins_job_has_a_master_and_a_name(run, fields):
    assert run(command="true", **fields).message.startswith("Count: job: ")
