"""A pipeline that runs another one, on the real engine."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection

from clusters.models import Application, ApplicationPermission, AuditEntry
from clusters.trust.permissions import actor_of
from pipelines import operations
from pipelines.engine import steps
from pipelines.engine.drive import drive
from pipelines.models import Event, Execution, Pipeline, Stage, Step
from tests.pipelines.stages.conftest import ACCOUNT, REGION, World

WAIT = {"refId": "1", "type": "wait", "name": "Rest", "waitTime": 60}
FIND = {
    "refId": "1", "type": "findImage", "name": "Find", "cluster": "shop-test", "credentials": ACCOUNT,
    "regions": [REGION],
}  # fmt: skip
CALL = {"type": "pipeline", "name": "Call", "application": "books", "pipeline": "child"}


@pytest.fixture
def books(world: World) -> Application:
    return Application.objects.create(name="books")


def save(world: World, application: Application, *stages: dict, **changes) -> Pipeline:
    document = {"name": "Child", "id": "child", "stages": list(stages)} | changes
    return operations.save_pipeline(world.actor, application, json.dumps(document)).pipeline


def child() -> Execution:
    return Execution.objects.get(pipeline_id="child")


def go(execution: Execution) -> Execution:
    """As a worker that finds it due, or leaves it when it is not."""
    drive(execution.pk)
    execution.refresh_from_db()
    return execution


def is_due(execution: Execution) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT due_at <= engine_now() FROM pipelines_execution WHERE id = %s", [execution.pk])
        return bool(cursor.fetchone()[0])


def skip_rest(world: World, execution: Execution) -> None:
    operations.skip_wait(world.actor, execution, "1")
    go(execution)


def test_it_waits_for_the_other_and_is_woken_by_its_end(world: World, books: Application):
    save(world, books, WAIT, parameterConfig=[{"name": "env", "default": "test"}, {"name": "size", "default": "s"}])
    parent = world.begin(CALL | {"pipelineParameters": {"size": "l", "more": "1"}})
    go(parent)
    run = child()
    stage, step = world.stage("Call"), world.step("monitorPipeline")
    assert (run.application, run.started_by, run.parent_stage) == ("books", "ada", stage.pk)
    assert run.trigger["parameters"] == {"env": "test", "size": "l", "more": "1"}
    assert (run.trigger["type"], run.trigger["parentPipelineStageId"]) == ("pipeline", str(stage.pk))
    assert run.trigger["parentExecution"]["id"] == parent.ulid
    assert (stage.context["executionId"], stage.context["executionName"]) == (run.ulid, "Child")
    assert (step.wait_key, step.waiting_for) == (f"execution:{run.ulid}", "Child #1 to end")
    assert AuditEntry.objects.get(action="start").actor == "ada"
    assert not is_due(parent)
    go(run)
    skip_rest(world, run)
    assert is_due(parent)
    assert go(parent).status == "SUCCEEDED"
    assert world.stage("Call").context["status"] == "SUCCEEDED"
    assert world.tree() == ["1 pipeline 'Call' [startPipeline,monitorPipeline]"]


def test_an_end_between_a_look_and_what_it_writes_is_not_lost(world: World, books: Application, monkeypatch):
    save(world, books, WAIT)
    parent = world.begin(CALL)
    look, looked = steps.perform, []

    def end_meanwhile(tried, lease, *, may_act):
        outcome = look(tried, lease, may_act=may_act)
        if tried.step.name == "monitorPipeline" and not looked:
            looked.append(outcome)
            go(child())
            skip_rest(world, child())
        return outcome

    monkeypatch.setattr(steps, "perform", end_meanwhile)
    assert go(parent).status == "SUCCEEDED"
    assert looked


def test_a_judgment_between_a_look_and_what_it_writes_is_not_lost(world: World, monkeypatch):
    parent = world.begin({"type": "manualJudgment", "name": "Ask"})
    look, looked = steps.perform, []

    def judge_meanwhile(tried, lease, *, may_act):
        outcome = look(tried, lease, may_act=may_act)
        if not looked:
            looked.append(outcome)
            operations.judge(world.actor, parent, "1", "continue")
        return outcome

    monkeypatch.setattr(steps, "perform", judge_meanwhile)
    assert go(parent).status == "SUCCEEDED"


def test_what_its_stages_put_out_is_there_for_the_next_stage_unless_kept_back(world: World, books: Application):
    image = world.group("shop-test-v001").image_id
    save(world, books, FIND)
    world.begin(CALL, CALL | {"name": "Silent", "skipDownstreamOutput": True, "requisiteStageRefIds": ["1"]})
    while not world.execution.is_complete:
        world.look()
        for run in Execution.objects.exclude(pk=world.execution.pk):
            go(run)
    assert world.stage("Call").outputs["deploymentDetails"][0]["imageId"] == image
    assert world.stage("Silent").outputs == {}


def test_what_the_parent_found_is_deployed_by_its_child(world: World, books: Application):
    image = world.group("shop-test-v001").image_id
    cluster = {
        "account": ACCOUNT, "application": "books", "region": REGION, "capacity": {"min": 1, "max": 1, "desired": 1},
    }  # fmt: skip
    save(world, books, {"refId": "1", "type": "deploy", "clusters": [cluster]})
    world.begin(FIND, CALL | {"requisiteStageRefIds": ["1"]})
    for _ in range(20):
        world.look()
        for run in Execution.objects.exclude(pk=world.execution.pk):
            go(run)
    assert world.execution.status == "SUCCEEDED", world.execution.message
    assert world.cloud.server_groups.get(ACCOUNT, REGION, "books-v000").image_id == image


@pytest.mark.parametrize(
    ("ending", "status", "message"),
    [
        ("fails", "TERMINAL", "Child #1 ended as TERMINAL: Find: cluster: name a cluster"),
        ("is cancelled", "CANCELED", "Child #1 was cancelled by ada."),
    ],
)
def test_it_ends_as_the_other_ends(world: World, books: Application, ending: str, status: str, message: str):
    broken = FIND | {"cluster": "${parameters.nothing}"} if ending == "fails" else WAIT
    save(world, books, broken)
    parent = world.begin(CALL)
    go(parent)
    if ending == "fails":
        Stage.objects.filter(execution=child()).update(context=FIND | {"cluster": ""})
        go(child())
    else:
        go(child())
        operations.cancel(world.actor, child())
        go(child())
    assert go(parent).status == status
    stage = world.stage("Call")
    assert (stage.status, stage.context["status"]) == (status, status)
    assert stage.message == message
    if ending == "fails":
        assert stage.context["exception"]["details"]["errors"] == [child().message]
        assert stage.context["exception"]["source"]["stageName"] == "Find"


def test_without_waiting_it_ends_once_the_other_is_started(world: World, books: Application):
    save(world, books, WAIT)
    parent = world.begin(CALL | {"waitForCompletion": "false"})
    assert go(parent).status == "SUCCEEDED"
    assert not child().is_complete


def test_a_cancel_of_the_parent_cancels_the_child_and_what_that_started(world: World, books: Application):
    save(world, books, WAIT, name="Grandchild", id="grandchild")
    save(world, books, {"refId": "1", **CALL, "pipeline": "grandchild"})
    parent = world.begin(CALL)
    go(parent)
    middle = go(child())
    last = Execution.objects.get(pipeline_id="grandchild")
    operations.cancel(world.actor, parent, "wrong day")
    for execution in (parent, middle, last):
        assert go(execution).status == "CANCELED"
    assert (middle.cancelled_by, last.cancelled_by) == ("parent pipeline", "parent pipeline")
    assert AuditEntry.objects.filter(action="cancel", actor="parent pipeline", execution_id=last.ulid).count() == 1
    assert [event.actor for event in Event.objects.filter(execution=last, kind="cancel")] == ["parent pipeline"]


def test_a_branch_that_fails_takes_the_child_of_another_branch_with_it(world: World, books: Application):
    save(world, books, WAIT)
    parent = world.begin(CALL, {"type": "manualJudgment", "name": "Ask"})
    go(parent)
    operations.judge(world.actor, parent, "2", "stop")
    go(parent)
    assert go(parent).status == "TERMINAL"
    assert go(child()).status == "CANCELED"


def test_it_is_started_once_however_often_the_step_is_tried(world: World, books: Application):
    save(world, books, WAIT)
    parent = world.begin(CALL)
    go(parent)
    Step.objects.filter(name="startPipeline").update(status="INTENT", due_at=None)
    Step.objects.filter(name="monitorPipeline").delete()
    Stage.objects.filter(name="Call").update(context=CALL)
    world.look()
    assert Execution.objects.filter(pipeline_id="child").count() == 1
    assert world.stage("Call").context["executionId"] == child().ulid


def test_a_restart_starts_it_anew(world: World, books: Application):
    save(world, books, WAIT)
    parent = world.begin(CALL)
    go(parent)
    operations.cancel(world.actor, parent)
    go(parent)
    operations.restart_stage(world.actor, parent, "1")
    go(parent)
    assert Execution.objects.filter(pipeline_id="child").count() == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pipeline": "none"}, "Call: Application books has no pipeline 'none'."),
        ({"application": "shop"}, "Call: Application shop has no pipeline 'child'."),
        ({"pipeline": ""}, "Call: pipeline: name the pipeline to run"),
        ({"pipelineParameters": {"env": "moon"}}, "Call: Child was not started: env: 'moon' is none of test."),
    ],
)
def test_what_cannot_be_started_is_told(world: World, books: Application, change: dict, message: str):
    options = {"name": "env", "default": "test", "hasOptions": True, "options": [{"value": "test"}]}
    save(world, books, WAIT, parameterConfig=[options])
    parent = world.begin(CALL | change)
    assert (go(parent).status, parent.message) == ("TERMINAL", message)
    assert not Execution.objects.filter(pipeline_id="child").exists()


def test_a_disabled_pipeline_is_not_started(world: World, books: Application):
    save(world, books, WAIT, disabled=True)
    assert go(world.begin(CALL)).message == "Call: Child of books is disabled."


def test_whoever_acts_needs_execute_on_the_application_of_the_other(world: World, books: Application):
    save(world, books, WAIT)
    rita = User.objects.create(username="rita")
    runners = Group.objects.create(name="runners")
    rita.groups.add(runners)
    shop = Application.objects.get(name="shop")
    ApplicationPermission.objects.create(application=shop, role=runners, authorization="EXECUTE")
    world.actor = actor_of(rita)
    assert go(world.begin(CALL)).message == "Call: rita lacks EXECUTE on application books."
    ApplicationPermission.objects.create(application=books, role=runners, authorization="EXECUTE")
    go(world.begin(CALL))
    assert child().started_by == "rita"


def test_a_pipeline_that_runs_itself_comes_to_an_end(world: World, books: Application):
    save(world, books, {"refId": "1", **CALL})
    parent = world.begin(CALL)
    for _ in range(30):
        for execution in Execution.objects.filter(ended_at=None):
            go(execution)
    parent.refresh_from_db()
    assert parent.status == "TERMINAL"
    assert Execution.objects.filter(pipeline_id="child").count() == 10
    assert "10 pipelines have started each other, this one last; that looks like a loop." in parent.message


def test_its_page_leads_to_the_other(world: World, books: Application, client):
    save(world, books, WAIT)
    parent = world.begin(CALL)
    go(parent)
    client.force_login(User.objects.get(username="ada"))
    assert f'href="/executions/{child().ulid}"' in client.get(f"/executions/{parent.ulid}").text
    Stage.objects.filter(name="Call").update(context=CALL | {"executionId": "no/id"})
    assert client.get(f"/executions/{parent.ulid}").status_code == 200
