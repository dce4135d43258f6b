"""Builds on the real engine and a controller that stands in, over real HTTP, on its good and its bad days."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.urls import reverse

from clusters.models import Application, AuditEntry, Secret
from clusters.trust import secrets
from clusters.trust.permissions import actor_of
from pipelines.core.definition import read
from pipelines.engine import admit, speak
from pipelines.engine.drive import drive
from pipelines.engine.rehearse import rehearse
from pipelines.models import Controller as Row
from pipelines.models import Step
from pipelines.stages.parts import jenkins as part
from tests.jenkins import TOKEN, USER, Controller, controller
from tests.pipelines.stages.conftest import World

BUILD = {"type": "jenkins", "name": "Build", "master": "ci", "job": "shop", "parameters": {"version": "1.2"}}
STARTED = "[startJenkinsJob,waitForJenkinsJobStart,monitorJenkinsJob"


@contextmanager
def standing_in(settings) -> Iterator[Controller]:
    """A controller that the application `shop` knows as ci, with a job `shop`."""
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    settings.SECRETS_KEYS = ["a key for tests only, long enough for all"]
    with controller() as ci:
        ci.job("shop", version=())
        sealed = secrets.seal(TOKEN)
        Secret.objects.create(name="ci-token", sealed=sealed, applications=["shop"], hosts=["127.0.0.1"])
        row = Row.objects.create(name="ci", url=ci.url, username=USER, token="secret:ci-token")
        row.applications.add(Application.objects.get(name="shop"))
        yield ci


@pytest.fixture
def ci(world: World, settings) -> Iterator[Controller]:
    with standing_in(settings) as ci:
        yield ci


@pytest.fixture
def clock(world: World, ci: Controller) -> Iterator[Clock]:
    yield Clock()
    with connection.cursor() as cursor:
        cursor.execute("RESET spinnaker.clock_offset")


class Clock:
    """The engine's own clock, moved forward."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def pass_time(self, seconds: float) -> None:
        self.offset += timedelta(seconds=seconds)
        with connection.cursor() as cursor:
            cursor.execute(f"SET spinnaker.clock_offset = '{self.offset.total_seconds()} s'")


def until(world: World, ci: Controller, step: str, looks: int = 20) -> Step:
    for _ in range(looks):
        found = Step.objects.filter(stage__execution=world.execution, name=step).first()
        if found:
            return found
        world.look()
    raise AssertionError(f"{step} never began: {world.tree()} {world.execution.message}")


def built(world: World, ci: Controller, result: str = "SUCCESS", fields: dict | None = None, **artifacts: bytes):
    """A whole build that ends so."""
    world.begin(BUILD | (fields or {}))
    until(world, ci, "waitForJenkinsJobStart")
    ci.begin("shop")
    until(world, ci, "monitorJenkinsJob")
    ci.end("shop", result, **artifacts)
    return world.go_on()


# A build as it should be.


def test_a_build_is_started_with_its_parameters_followed_and_told(world: World, ci: Controller):
    execution = built(world, ci, shop_deb=b"package")
    assert execution.status == "SUCCEEDED", execution.message
    assert world.tree() == [f"1 jenkins 'Build' {STARTED},getBuildArtifacts]"]
    (build,) = ci.jobs["shop"].builds
    assert (build.parameters, ci.posts("buildWithParameters")) == ({"version": "1.2"}, 1)
    stage = world.stage("Build")
    assert (stage.context["queuedBuild"], stage.context["buildNumber"]) == (str(build.queue_id), 1)
    info = stage.outputs["buildInfo"]
    assert (info["number"], info["result"], info["building"]) == (1, "SUCCESS", False)
    assert info["scm"][0]["branch"] == "main"
    (artifact,) = stage.context["artifacts"]
    assert artifact["reference"] == f"{ci.url}/job/shop/1/artifact/out/shop.deb"
    audited = AuditEntry.objects.get(action="build.start")
    assert (audited.object_id, audited.application, audited.execution_id) == ("ci/shop", "shop", execution.ulid)
    assert audited.after == {"parameters": {"version": "1.2"}}


def test_while_it_runs_the_page_is_told_what_it_waits_for(world: World, ci: Controller):
    world.begin(BUILD)
    until(world, ci, "waitForJenkinsJobStart")
    world.look()
    assert "ci to begin the build of shop (Waiting for next" in world.step("waitForJenkinsJobStart").waiting_for
    ci.begin("shop")
    until(world, ci, "monitorJenkinsJob")
    world.look()
    assert world.step("monitorJenkinsJob").waiting_for == "build 1 of shop on ci to end"


def test_without_waiting_it_is_done_once_the_build_has_begun(world: World, ci: Controller):
    world.begin(BUILD | {"waitForCompletion": "false"})
    until(world, ci, "waitForJenkinsJobStart")
    ci.begin("shop")
    assert world.go_on().status == "SUCCEEDED"
    assert world.tree() == ["1 jenkins 'Build' [startJenkinsJob,waitForJenkinsJobStart]"]


@pytest.mark.parametrize(
    ("result", "fields", "status", "message"),
    [
        ("UNSTABLE", {}, "TERMINAL", "Job is unstable: build 1 of shop."),
        ("UNSTABLE", {"markUnstableAsSuccessful": True}, "SUCCEEDED", ""),
        ("FAILURE", {}, "TERMINAL", "Job failed (see Jenkins): build 1 of shop."),
        ("ABORTED", {}, "CANCELED", "Build 1 of shop was aborted in Jenkins."),
    ],
)
def test_the_result_of_the_build_is_that_of_the_stage(world: World, ci, result, fields, status, message):
    assert built(world, ci, result, fields).status == status
    assert world.stage("Build").message == message
    assert world.stage("Build").outputs["buildInfo"]["result"] == result


def test_a_build_that_was_not_built_is_looked_at_until_it_is_something_else(world: World, ci: Controller):
    world.begin(BUILD)
    until(world, ci, "waitForJenkinsJobStart")
    ci.begin("shop")
    until(world, ci, "monitorJenkinsJob")
    ci.end("shop", "NOT_BUILT")
    world.look()
    assert "which says NOT_BUILT" in world.step("monitorJenkinsJob").waiting_for
    ci.end("shop", "SUCCESS")
    assert world.go_on().status == "SUCCEEDED"


# Property files.


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("build.properties", b"version=1.2\ncolour=blue\n"),
        ("build.json", b'{"version": "1.2", "colour": "blue"}'),
        ("build.yml", b"version: '1.2'\ncolour: blue\n"),
    ],
)
def test_what_the_property_file_says_is_there_for_later_stages(world: World, ci: Controller, name, content):
    execution = built(world, ci, fields={"propertyFile": name}, **{name.replace(".", "_"): content})
    assert execution.status == "SUCCEEDED", execution.message
    told = {"version": "1.2", "colour": "blue"}
    outputs = world.stage("Build").outputs
    assert {key: outputs[key] for key in told} == told == outputs["propertyFileContents"]
    assert world.stage("Build").context["propertyFileContents"] == told


@pytest.mark.parametrize(
    ("artifacts", "why"),
    [
        ({}, "has no such artifact"),
        ({"build_json": b""}, "Expecting value"),
        ({"build_json": b"{}"}, "it is empty"),
        ({"build_json": b"{" + b" " * 300_000 + b"}"}, "longer than"),
    ],
)
def test_a_property_file_that_is_not_there_or_cannot_be_read_fails_the_stage(world: World, ci, artifacts, why):
    assert built(world, ci, fields={"propertyFile": "build.json"}, **artifacts).status == "TERMINAL"
    message = world.stage("Build").message
    assert "Expected properties file build.json but it was either missing, empty or contained invalid syntax" in message
    assert why in message


def test_a_failed_builds_properties_are_read_all_the_same(world: World, ci: Controller):
    fields = {"propertyFile": "build.properties"}
    assert built(world, ci, "FAILURE", fields, build_properties=b"log=x").status == "TERMINAL"
    assert "1>1 getProperties 'Try to get properties file' [getBuildProperties]" in world.tree()
    assert world.stage("Try to get properties file").outputs["log"] == "x"
    assert world.stage("Build").message == "Job failed (see Jenkins): build 1 of shop."


# What is refused.


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"master": "other"}, "There is no Jenkins controller 'other' that application shop may use."),
        ({"job": "nothing"}, "There is no job 'nothing' on ci."),
        ({"job": "../../manage"}, "There is no job '../../manage' on ci."),
        ({"job": "off"}, "Job off on ci is disabled."),
        ({"job": "plain"}, "Job plain on ci takes no parameters."),
        ({"job": "choosy"}, "'1.2' is none of 1, 2."),
        ({"parameters": {"version": "secret:other"}}, "There is no secret 'other'."),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_started(world: World, ci: Controller, fields, message):
    ci.job("off", version=()).is_buildable = False
    ci.job("plain")
    ci.job("choosy", version=("1", "2"))
    execution = world.run(BUILD | fields)
    assert (execution.status, world.stage("Build").message) == ("TERMINAL", message)
    assert sum(map(ci.count, ci.jobs)) == 0


def test_a_controller_is_only_for_the_applications_that_it_lists(world: World, ci: Controller):
    Row.objects.get().applications.clear()
    world.run(BUILD)
    assert "no Jenkins controller 'ci'" in world.stage("Build").message
    Row.objects.get().applications.add(Application.objects.get(name="shop"))
    Row.objects.update(is_enabled=False)
    world.run(BUILD)
    assert world.stage("Build").message == "Jenkins controller ci is switched off."
    assert ci.asked == []


def test_who_may_not_run_the_application_starts_nothing(world: World, ci: Controller):
    world.actor = actor_of(get_user_model().objects.create_user("mallory"))
    world.run(BUILD)
    assert "mallory lacks EXECUTE on application shop" in world.stage("Build").message
    assert ci.posts("") == 0


def test_a_secret_parameter_is_sent_and_kept_nowhere(world: World, ci: Controller):
    value = "korrekt horse"
    Secret.objects.create(name="pw", sealed=secrets.seal(value), applications=["shop"], hosts=["127.0.0.1"])
    built(world, ci, fields={"parameters": {"version": "secret:pw"}})
    assert ci.jobs["shop"].builds[0].parameters == {"version": value}
    with connection.cursor() as cursor:
        for table in ("pipelines_stage", "pipelines_step", "pipelines_event", "clusters_auditentry"):
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", [f"%{value}%"])
            assert cursor.fetchone() == (0,), table


# Cancel and timeouts.


def cancel(world: World) -> None:

    with transaction.atomic():
        speak.cancel(speak.lock(world.execution.pk), "ada", "")


def test_a_cancel_takes_the_build_out_of_the_queue(world: World, ci: Controller):
    world.begin(BUILD)
    until(world, ci, "waitForJenkinsJobStart")
    cancel(world)
    assert world.go_on().status == "CANCELED"
    assert ci.count("shop") == 0
    assert "was taken out of the queue" in world.stage("Build").message


def test_a_cancel_aborts_the_build(world: World, ci: Controller):
    world.begin(BUILD)
    until(world, ci, "waitForJenkinsJobStart")
    ci.begin("shop")
    until(world, ci, "monitorJenkinsJob")
    cancel(world)
    assert world.go_on().status == "CANCELED"
    assert ci.jobs["shop"].builds[0].result == "ABORTED"
    assert world.stage("Build").message == "Build 1 of shop ended as ABORTED."
    assert AuditEntry.objects.filter(action="build.stop", object_id="ci/shop").count() == 1


def test_a_build_that_does_not_stop_is_left_with_a_word_about_it(world: World, ci: Controller):
    world.begin(BUILD)
    until(world, ci, "waitForJenkinsJobStart")
    ci.begin("shop").is_stubborn = True
    until(world, ci, "monitorJenkinsJob")
    cancel(world)
    assert world.go_on().status == "CANCELED"
    assert world.stage("Build").message == "It could not be called off: build 1 of shop on ci goes on."


def test_a_build_that_takes_too_long_is_aborted(world: World, ci: Controller):
    world.begin(BUILD)
    until(world, ci, "waitForJenkinsJobStart")
    ci.begin("shop")
    until(world, ci, "monitorJenkinsJob")
    assert world.time_out("monitorJenkinsJob").status == "TERMINAL"
    assert ci.jobs["shop"].builds[0].result == "ABORTED"
    assert "timed out" in world.stage("Build").message


def test_a_failure_beside_it_aborts_the_build(world: World, ci: Controller):
    judge = {"type": "manualJudgment", "name": "Go?", "requisiteStageRefIds": []}
    world.begin(BUILD, judge)
    until(world, ci, "waitForJenkinsJobStart")
    ci.begin("shop")
    until(world, ci, "monitorJenkinsJob")
    assert world.time_out("waitForJudgment").status == "TERMINAL"
    assert ci.jobs["shop"].builds[0].result == "ABORTED"


def test_an_item_cancelled_in_jenkins_cancels_the_stage(world: World, ci: Controller):
    world.begin(BUILD)
    until(world, ci, "waitForJenkinsJobStart")
    ci.waiting()[0].is_cancelled = True
    assert world.go_on().status == "CANCELED"
    assert "was cancelled in Jenkins" in world.stage("Build").message


# One build per attempt.


class Gone(BaseException):
    """The worker ends here."""


def crash_at(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The next time a worker comes to this point it is gone."""
    left = [name]

    def crashpoint(at: str) -> None:
        if at in left:
            left.remove(at)
            raise Gone

    monkeypatch.setattr(part, "crashpoint", crashpoint)


def drive_until_gone(world: World) -> None:
    with pytest.raises(Gone):
        for _ in range(10):
            drive(world.execution.pk)
            world.look()


def settle(world: World, clock: Clock, looks: int = 8) -> None:
    """Looks two seconds apart by the engine's clock."""
    for _ in range(looks):
        if Step.objects.filter(stage__execution=world.execution, name="waitForJenkinsJobStart").exists():
            return
        clock.pass_time(2)
        world.look()


@pytest.mark.parametrize("parameters", [("version",), ("version", part.MARKER)])
@pytest.mark.parametrize("point", ["jenkins.start:before", "jenkins.start:after"])
def test_a_worker_lost_around_the_start_leaves_one_build(world, ci, clock, monkeypatch, point, parameters):
    ci.job("shop", **dict.fromkeys(parameters, ()))
    crash_at(monkeypatch, point)
    world.begin(BUILD)
    drive_until_gone(world)
    assert ci.count("shop") == (point == "jenkins.start:after")
    settle(world, clock)
    assert ci.count("shop") == 1
    assert ci.posts("buildWithParameters") == 1
    ci.begin("shop")
    until(world, ci, "monitorJenkinsJob")
    ci.end("shop")
    assert world.go_on().status == "SUCCEEDED"


@pytest.mark.parametrize("has_begun", [False, True])
def test_a_build_that_began_while_no_worker_looked_is_found(world, ci, clock, monkeypatch, has_begun):
    crash_at(monkeypatch, "jenkins.start:after")
    world.begin(BUILD)
    drive_until_gone(world)
    if has_begun:
        ci.begin("shop")
        ci.end("shop")
    world.look()
    assert ci.count("shop") == 1
    assert world.stage("Build").context["queuedBuild"] == str(next(iter(ci.items)))


@pytest.mark.parametrize("how", ["500 after", "drop after", "slow after", "502 after"])
def test_an_answer_lost_after_the_deed_makes_no_second_build(world, ci, clock, how):
    ci.misbehave("POST", "buildWithParameters", how)
    world.begin(BUILD)
    settle(world, clock)
    assert (ci.count("shop"), ci.posts("buildWithParameters")) == (1, 1)


@pytest.mark.parametrize("how", ["500", "503", "drop", "slow"])
def test_a_start_that_got_nowhere_is_asked_for_again(world, ci, clock, how):
    ci.misbehave("POST", "buildWithParameters", how)
    world.begin(BUILD)
    settle(world, clock, looks=12)
    assert (ci.count("shop"), ci.posts("buildWithParameters")) == (1, 2)


def test_a_jenkins_that_is_asleep_is_asked_again_at_once(world, ci, clock):
    ci.misbehave("POST", "buildWithParameters", "503", times=3)
    world.begin(BUILD)
    settle(world, clock, looks=4)
    assert (ci.count("shop"), ci.posts("buildWithParameters")) == (1, 4)


def test_a_second_crash_right_after_the_second_start_makes_no_third_build(world, ci, clock, monkeypatch):
    crash_at(monkeypatch, "jenkins.start:before")
    world.begin(BUILD)
    drive_until_gone(world)
    crash_at(monkeypatch, "jenkins.start:after")
    with pytest.raises(Gone):
        settle(world, clock)
    assert ci.count("shop") == 1
    clock.pass_time(7)  # until the lease has lapsed
    settle(world, clock)
    assert (ci.count("shop"), ci.posts("buildWithParameters")) == (1, 1)


def test_the_build_of_somebody_else_is_not_taken_for_ours(world, ci, clock, monkeypatch):
    crash_at(monkeypatch, "jenkins.start:before")
    world.begin(BUILD)
    drive_until_gone(world)
    theirs = ci.ask("shop", {"version": "1.2"}, "somebody")
    ci.begin("shop")
    other = ci.ask("shop", {"version": "9"}, USER)
    ci.begin("shop")
    settle(world, clock)
    assert int(world.stage("Build").context["queuedBuild"]) not in (theirs.id, other.id)
    assert len(ci.items) == 3


def test_two_stages_that_want_the_same_and_crash_get_a_build_each(world, ci, clock, monkeypatch):
    ci.job("shop", version=(), **{part.MARKER: ()})
    first, second = {**BUILD, "name": "One"}, {**BUILD, "name": "Two", "requisiteStageRefIds": []}
    crash_at(monkeypatch, "jenkins.start:after")
    world.begin(first, second)
    drive_until_gone(world)
    for _ in range(10):
        clock.pass_time(2)
        world.look()
    assert len({world.stage(name).context["queuedBuild"] for name in ("One", "Two")}) == 2
    assert ci.count("shop") == 2


# Bad days.


def test_a_restart_of_jenkins_under_a_running_build_is_waited_out(world: World, ci: Controller):
    world.begin(BUILD)
    until(world, ci, "waitForJenkinsJobStart")
    ci.begin("shop")
    until(world, ci, "monitorJenkinsJob")
    ci.stop()
    world.look()
    assert "cannot be reached" in world.step("monitorJenkinsJob").waiting_for
    ci.start()
    ci.misbehave("GET", "/job/shop/1/api", "503")
    ci.misbehave("GET", "/job/shop/1/api", "html")
    ci.misbehave("GET", "/job/shop/1/api", "404")
    for _ in range(3):
        world.look()
        assert world.execution.status == "RUNNING"
    ci.end("shop")
    assert world.go_on().status == "SUCCEEDED"
    assert ci.count("shop") == 1


def test_a_forgotten_queue_item_is_found_by_the_build_it_became(world: World, ci: Controller):
    world.begin(BUILD)
    until(world, ci, "waitForJenkinsJobStart")
    ci.begin("shop")
    ci.forget_queue()
    until(world, ci, "monitorJenkinsJob")
    assert world.stage("Build").context["buildNumber"] == 1


def test_a_queue_that_jenkins_lost_ends_the_stage_and_nothing_is_started_in_its_place(world, ci, clock):
    world.begin(BUILD)
    until(world, ci, "waitForJenkinsJobStart")
    ci.forget_queue()
    world.look()
    assert "to know queue item" in world.step("waitForJenkinsJobStart").waiting_for
    clock.pass_time(61)
    assert world.go_on().status == "TERMINAL"
    assert "no build came of it. Nothing was started in its place." in world.stage("Build").message
    assert ci.posts("buildWithParameters") == 1


def test_a_deleted_build_ends_the_stage_after_a_while(world: World, ci: Controller, clock: Clock):
    world.begin(BUILD)
    until(world, ci, "waitForJenkinsJobStart")
    ci.begin("shop")
    until(world, ci, "monitorJenkinsJob")
    ci.jobs["shop"].builds.clear()
    world.look()
    assert world.execution.status == "RUNNING"
    clock.pass_time(301)
    assert world.go_on().status == "TERMINAL"
    assert "no longer knows build 1 of shop" in world.stage("Build").message


def test_a_restarted_stage_gets_a_build_of_its_own(world: World, ci: Controller):

    built(world, ci, "FAILURE")
    with transaction.atomic():
        execution = speak.lock(world.execution.pk)
        speak.restart(execution, speak.newest_stage(execution, "1"), "ada")
    world.execution.refresh_from_db()
    for _ in range(5):
        world.look()
    assert ci.count("shop") == 2


def test_crumbs_that_expire_are_fetched_again(world: World, ci: Controller):
    ci.wants_crumb = True
    world.begin(BUILD)
    until(world, ci, "waitForJenkinsJobStart")
    ci.begin("shop")
    until(world, ci, "monitorJenkinsJob")
    ci.forget_session()
    cancel(world)
    assert world.go_on().status == "CANCELED"
    assert ci.jobs["shop"].builds[0].result == "ABORTED"


# The administrator's page.


@pytest.fixture
def staff(client, ci):
    client.force_login(get_user_model().objects.create_superuser("root", is_staff=True))
    return client


def test_an_administrator_tries_the_connection_as_it_is_saved(staff, ci: Controller):
    row = Row.objects.get()
    page = reverse("admin:pipelines_controller_change", args=[row.pk])
    check = reverse("admin:pipelines_controller_check", args=[row.pk])
    assert check in staff.get(page).content.decode()
    assert staff.get(check).status_code == 405
    shown = staff.post(check, follow=True).content.decode()
    assert f"Controller ci works: Jenkins 2.479.1 as {USER}." in shown
    Row.objects.update(username="somebody")
    shown = staff.post(check, follow=True).content.decode()
    assert "Controller ci does not work: Jenkins does not let user somebody do this (HTTP 401)." in shown
    Secret.objects.update(hosts=[])
    shown = staff.post(check, follow=True).content.decode()
    assert "not meant for host 127.0.0.1" in shown
    assert TOKEN not in shown


@pytest.mark.parametrize(
    "url", ["ftp://ci", "ci.example.org", "https://", "https://u:p@ci", "https://ci/?a", "http://[ci"]
)
def test_an_address_that_makes_no_sense_is_refused(staff, url: str):
    given = {"name": "other", "url": url, "username": "", "token": "", "is_enabled": "on"}
    assert staff.post(reverse("admin:pipelines_controller_add"), given).status_code == 200
    assert Row.objects.count() == 1


def test_a_token_itself_is_refused_where_a_reference_belongs(staff):
    given = {"name": "other", "url": "https://ci", "token": "11aa22bb", "is_enabled": "on"}
    assert "A reference: secret:name." in staff.post(reverse("admin:pipelines_controller_add"), given).content.decode()


def test_a_rehearsal_starts_nothing_and_says_what_it_would_start(world: World, ci: Controller):
    document = {"name": "Try", "stages": [{"refId": "1", **BUILD}, {"refId": "2", **BUILD, "job": "nothing"}]}
    found = rehearse(admit.Admission("shop", read(document), document, world.actor))
    assert [line.text for line in found.lines] == [
        "start a build of shop on ci",
        "There is no job 'nothing' on ci.",
    ]
    assert ci.posts("") == 0
