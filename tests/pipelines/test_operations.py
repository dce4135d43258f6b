"""What people ask for: permission, validation, audit, conflict."""

from __future__ import annotations

import json
import threading

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection

from clusters.models import Application, ApplicationPermission, AuditEntry
from clusters.trust.permissions import EXECUTE, READ, WRITE, Refused, actor_of
from pipelines import operations
from pipelines.engine.drive import drive
from pipelines.models import Execution, Judgment, Pipeline, PipelineRevision, Stage

WAIT = {"refId": "1", "type": "wait", "name": "Wait", "waitTime": 0}
JUDGE = {"refId": "1", "type": "manualJudgment", "name": "Go?"}


def text(*stages, name="Ship", **more):
    return json.dumps({"name": name, "stages": list(stages), **more})


@pytest.fixture
def application(db):
    return Application.objects.create(name="shop")


@pytest.fixture
def person(application):
    """person(name, authorization, …) -> an actor holding these on the application."""

    def make(name, *authorizations, roles=()):
        user = get_user_model().objects.create_user(name)
        for authorization in authorizations:
            role = Group.objects.create(name=f"{name} {authorization}")
            user.groups.add(role)
            ApplicationPermission.objects.create(application=application, role=role, authorization=authorization)
        for role in roles:
            user.groups.add(Group.objects.get_or_create(name=role)[0])
        return actor_of(user)

    return make


@pytest.fixture
def writer(person):
    return person("wanda", WRITE, EXECUTE)


@pytest.fixture
def pipeline(writer, application):
    return operations.save_pipeline(writer, application, text(WAIT)).pipeline


def test_a_saved_pipeline_keeps_its_text_its_first_revision_and_an_audit_row(writer, application):
    source = '{"name": "Ship",   "stages": [], "zebra": 1, "ant": 2}'
    saved = operations.save_pipeline(writer, application, source).pipeline
    assert Pipeline.objects.get(pk=saved.pk).source == source
    assert PipelineRevision.objects.get().version == 1
    assert AuditEntry.objects.get(action="save").actor == "wanda"


def test_errors_refuse_a_save_and_name_their_paths(writer, application):
    with pytest.raises(operations.InvalidInput) as refused:
        operations.save_pipeline(writer, application, text({**WAIT, "requisiteStageRefIds": ["7"]}))
    assert [problem.path for problem in refused.value.problems] == ["stages[0].requisiteStageRefIds[0]"]
    assert not Pipeline.objects.exists()


def test_an_unknown_type_or_field_is_a_warning_and_kept(writer, application):
    saved = operations.save_pipeline(
        writer, application, text({**WAIT, "colour": "red"}, {"refId": "2", "type": "teleport"})
    )
    paths = {warning.path for warning in saved.warnings}
    assert {"stages[0].colour", "stages[1].type"} <= paths
    assert saved.pipeline.document["stages"][0]["colour"] == "red"


def test_a_broken_pipeline_is_imported_disabled_and_marked(writer, application):
    saved = operations.import_pipeline(writer, application, text({**WAIT, "requisiteStageRefIds": ["1"]}))
    assert saved.pipeline.is_disabled
    assert saved.pipeline.problems[0]["path"] == "stages[0].requisiteStageRefIds"
    with pytest.raises(operations.Conflict, match="disabled"):
        operations.start(writer, saved.pipeline)


def test_a_save_over_an_old_revision_is_refused_and_says_who_was_first(writer, application, pipeline, person):
    operations.save_pipeline(
        person("olga", WRITE), application, text(WAIT, JUDGE | {"refId": "2"}), pipeline=pipeline, version=1
    )
    with pytest.raises(operations.Conflict, match="olga saved revision 2"):
        operations.save_pipeline(writer, application, text(WAIT), pipeline=pipeline, version=1)
    assert Pipeline.objects.get().version == 2


def test_a_name_is_taken_once_per_application(writer, application, pipeline):
    with pytest.raises(operations.InvalidInput, match="already has a pipeline"):
        operations.save_pipeline(writer, application, text(WAIT))


def test_an_imported_id_is_kept_unless_it_is_taken(writer, application):
    first = operations.save_pipeline(writer, application, text(WAIT, id="my-id")).pipeline
    second = operations.save_pipeline(writer, application, text(WAIT, id="my-id", name="Other")).pipeline
    assert first.pk == "my-id"
    assert second.pk != "my-id"


def test_a_reader_may_neither_save_nor_start_nor_cancel_nor_judge(person, application, pipeline, writer):
    reader = person("rita", READ)
    execution = operations.start(writer, pipeline)
    for forbidden in (
        lambda: operations.save_pipeline(reader, application, text(WAIT, name="Mine")),
        lambda: operations.start(reader, pipeline),
        lambda: operations.cancel(reader, execution),
        lambda: operations.judge(reader, execution, "1", "continue"),
        lambda: operations.restart_stage(reader, execution, "1"),
        lambda: operations.skip_wait(reader, execution, "1"),
        lambda: operations.delete_pipeline(reader, pipeline),
        lambda: operations.run_task(reader, application, "Disable", []),
    ):
        with pytest.raises(Refused):
            forbidden()


def test_a_start_numbers_the_run_freezes_the_definition_and_leaves_an_audit_row(writer, application, pipeline):
    execution = operations.start(writer, pipeline, note="friday")
    operations.save_pipeline(writer, application, text(JUDGE), pipeline=pipeline, version=1)
    execution.refresh_from_db()
    assert (execution.number, execution.spec["stages"], execution.trigger["note"]) == (1, [WAIT], "friday")
    assert operations.start(writer, Pipeline.objects.get()).number == 2
    assert AuditEntry.objects.filter(action="start", execution_id=execution.ulid).exists()


def test_parameters_are_checked_on_the_server(writer, application):
    config = [{"name": "env", "required": True, "hasOptions": True, "options": [{"value": "prod"}]}]
    pipeline = operations.save_pipeline(writer, application, text(WAIT, parameterConfig=config)).pipeline
    with pytest.raises(operations.InvalidInput) as refused:
        operations.start(writer, pipeline, parameters={"env": "moon"})
    assert refused.value.problems[0].path == "env"
    assert operations.start(writer, pipeline, parameters={"env": "prod"}).trigger["parameters"] == {"env": "prod"}


def test_the_default_of_a_parameter_may_be_an_expression_but_what_is_given_never_is(writer, application):
    config = [{"name": "tag", "default": "v${trigger.buildInfo.number}"}, {"name": "who", "default": "${trigger.user}"}]
    pipeline = operations.save_pipeline(writer, application, text(parameterConfig=config)).pipeline
    trigger = {"type": "jenkins", "buildInfo": {"number": 7}}

    def started(**parameters):
        return operations.start(writer, pipeline, parameters=parameters, trigger=trigger).trigger["parameters"]

    assert started() == {"tag": "v7", "who": writer.username}
    assert started(tag="v${trigger.buildInfo.number}")["tag"] == "v7"
    assert started(tag="${trigger.user}")["tag"] == "${trigger.user}"
    with pytest.raises(
        operations.InvalidInput, match="tag: Its default has no value: position 12: buildInfo not found"
    ):
        operations.start(writer, pipeline)


def test_a_judge_needs_every_role_that_the_stage_asks_for(writer, application, person):
    pipeline = operations.save_pipeline(
        writer, application, text(JUDGE | {"requiredJudgmentRoles": ["ops", "qa"]})
    ).pipeline
    execution = operations.start(writer, pipeline)
    drive(execution.pk)
    with pytest.raises(Refused, match="ops, qa"):
        operations.judge(person("half", EXECUTE, roles=["ops"]), execution, "1", "continue")
    assert operations.judge(person("whole", EXECUTE, roles=["ops", "qa"]), execution, "1", "continue").by == "whole"


@pytest.mark.parametrize("roles", ["ops", {"ops": True}, [["ops"]], 7])
def test_roles_that_are_no_list_of_names_let_nobody_judge(roles, writer, application, person):
    execution = operations.start(writer, operations.save_pipeline(writer, application, text(JUDGE)).pipeline)
    drive(execution.pk)
    Stage.objects.update(context=Stage.objects.get().context | {"requiredJudgmentRoles": roles})
    with pytest.raises(Refused, match="roles"):
        operations.judge(person("sam", EXECUTE, roles=[]), execution, "1", "continue")


def test_a_judgment_takes_only_the_offered_inputs(writer, application):
    offered = {"judgmentInputs": [{"value": "yes"}, {"value": "later"}]}
    execution = operations.start(writer, operations.save_pipeline(writer, application, text(JUDGE | offered)).pipeline)
    drive(execution.pk)
    for wrong in ({"answer": "perhaps"}, {"answer": "continue", "input": "no"}):
        with pytest.raises(operations.InvalidInput):
            operations.judge(writer, execution, "1", **wrong)
    operations.judge(writer, execution, "1", "continue", input="later")
    drive(execution.pk)
    assert Stage.objects.get().outputs == {"judgmentInput": "later"}


@pytest.mark.django_db(transaction=True)
def test_of_many_judges_at_once_exactly_one_decides(writer, application):
    execution = operations.start(writer, operations.save_pipeline(writer, application, text(JUDGE)).pipeline)
    drive(execution.pk)
    told = []
    barrier = threading.Barrier(8)

    def judge(answer):
        barrier.wait()
        try:
            operations.judge(writer, execution, "1", answer)
            told.append("decided")
        except operations.Conflict as conflict:
            told.append(conflict.message)
        finally:
            connection.close()

    threads = [threading.Thread(target=judge, args=(answer,)) for answer in ("continue", "stop") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.count("decided") == 1
    assert all("has already judged" in message for message in told if message != "decided")
    assert Judgment.objects.count() == 1


def test_a_stage_whose_type_says_so_cannot_be_restarted(writer, application):
    teleport = {"refId": "1", "type": "teleport", "name": "Teleport"}
    execution = operations.start(writer, operations.save_pipeline(writer, application, text(teleport)).pipeline)
    drive(execution.pk)
    with pytest.raises(operations.Conflict, match="cannot be restarted"):
        operations.restart_stage(writer, execution, "1")


def test_a_task_is_an_execution_without_a_pipeline(writer, application):
    execution = operations.run_task(writer, application, "Wait a bit", [WAIT], reason="to see")
    drive(execution.pk)
    execution.refresh_from_db()
    assert (execution.pipeline, execution.status, execution.trigger["note"]) == (None, "SUCCEEDED", "to see")


def test_switching_off_is_a_revision_and_switching_on_needs_a_sound_text(writer, application, pipeline):
    off = operations.set_disabled(writer, pipeline, True)
    assert off.document["disabled"] is True
    assert off.version == 2
    broken = operations.import_pipeline(writer, application, text(WAIT, WAIT, name="Broken")).pipeline
    with pytest.raises(operations.InvalidInput):
        operations.set_disabled(writer, broken, False)


def test_a_deleted_pipeline_leaves_its_history(writer, pipeline):
    execution = operations.start(writer, pipeline)
    operations.delete_pipeline(writer, pipeline)
    assert Execution.objects.get(pk=execution.pk).name == "Ship"


def test_a_restarted_stage_acts_with_the_rights_of_whoever_restarts_it(writer, application, pipeline):
    execution = operations.start(writer, pipeline)
    drive(execution.pk)
    execution.refresh_from_db()
    assert execution.is_complete
    colleague = get_user_model().objects.create(username="colleague")
    colleague.groups.set(Group.objects.filter(name__in=writer.roles))
    operations.restart_stage(actor_of(colleague), execution, "1")
    execution.refresh_from_db()
    assert (execution.acting_user, execution.started_by) == (colleague, writer.username)
