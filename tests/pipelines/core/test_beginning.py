"""A stage as it begins: what its expressions see, what becomes of them, and whether it runs at all."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pipelines.core.beginning import SUMMARY, pairs, unresolved
from pipelines.core.decide import decide
from pipelines.core.plan import Succeeded
from pipelines.core.scope import context_of
from pipelines.core.status import Status
from tests.pipelines.core.harness import START, WAITS, Play, stage

TRIGGER = {
    "type": "jenkins",
    "parameters": {"region": "eu-west-1", "env": "prod"},
    "buildInfo": {"number": 42, "scm": [{"branch": "develop"}, {"branch": "topic"}]},
}


def play(*stages: dict, answers: dict | None = None, trigger: dict = TRIGGER) -> Play:
    made = Play(list(stages), answers or {})
    execution = replace(made.snapshot.execution, trigger=trigger, name="Ship", started_by="ana", pipeline_id="p-1")
    made.snapshot = replace(made.snapshot, execution=execution)
    return made.run()


def context(made: Play, name: str) -> dict:
    return next(one.context for one in made.snapshot.stages.values() if one.name == name)


def on(expression: str | None) -> dict:
    return {"stageEnabled": {"type": "expression", "expression": expression}}


def test_a_stage_is_evaluated_when_it_begins_and_then_stays_as_it_is():
    later = stage("2", "1", text="${made} by ${#stage('1').status}", steps=["a", "b"])
    made = play(stage("1"), later, answers={"1": [WAITS, Succeeded({}, {"made": 7})], "2/a": Succeeded({"made": 8})})
    assert context(made, "2")["text"] == later["context"]["text"]
    made.pass_time(5)
    assert context(made, "2")["text"] == "7 by SUCCEEDED"
    assert context(made, "2")["made"] == 8


def test_own_fields_come_before_outputs_of_ancestors_the_nearest_first_and_those_of_the_execution_before_all():
    made = play(
        stage("1"),
        stage("2", "1"),
        stage("beside"),
        stage("3", "2", own="mine", parameters="not these", a="${own}", b="${near}", c="${far}", d="${parameters.region}", e="${beside ?: 'unseen'}"),
        answers={
            "1": Succeeded({}, {"far": "from 1", "near": "from 1", "own": "from 1"}),
            "2": Succeeded({"far": "context of 2"}, {"near": "from 2"}),
            "beside": Succeeded({}, {"beside": 1}),
        },
    )  # fmt: skip
    seen = context(made, "3")
    assert [seen[name] for name in "abcde"] == ["mine", "from 2", "from 1", "eu-west-1", "unseen"]


def test_the_execution_is_seen_as_spinnaker_shows_it():
    expressions = {
        "number": "${trigger.buildInfo.number + 1}",
        "who": "${execution.authentication.user} ${execution.name} ${execution.application}",
        "config": "${execution.pipelineConfigId} ${execution.type} ${execution.status}",
        "began": "${#stage('1').startTime}",
        "output": "${#stage('1')['context']['image']} ${#stage('1').outputs.image}",
        "branch": "${scmInfo.branch}",
        "self": "${#currentStage().refId} ${execution.stages.?[hasSucceeded].![refId]}",
    }
    made = play(stage("1"), stage("2", "1", **expressions), answers={"1": Succeeded({}, {"image": "ami-1"})})
    seen = context(made, "2")
    assert [seen[name] for name in expressions] == [
        43, "ana Ship app", "p-1 PIPELINE RUNNING", int(START.timestamp() * 1000), "ami-1 ami-1", "topic", "2 1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("branches", "seen"),
    [([], None), (["a"], "a"), (["a", "master"], "a"), (["develop", "master"], "develop"), (["main", "a"], "a")],
)
def test_the_source_is_the_first_that_is_no_main_branch(branches: list[str], seen: str | None):
    trigger = {"buildInfo": {"scm": [{"branch": branch} for branch in branches]}}
    made = play(stage("1"), trigger=trigger)
    found = context_of(made.snapshot.execution, made.snapshot.stages, None, START).root["scmInfo"]
    assert (found or {}).get("branch") == seen


def test_a_text_that_came_with_a_parameter_is_never_taken_for_an_expression():
    children = {"before": [{"name": "child", "text": "${parameters.env}"}]}
    trigger = {"parameters": {"env": "${execution.name}"}}
    made = play(stage("1", copy="${parameters.env}", **children), trigger=trigger)
    assert context(made, "1")["copy"] == "${execution.name}"
    assert context(made, "child")["text"] == "${execution.name}"


def test_what_has_no_value_stays_and_is_told_under_spinnakers_name():
    made = play(stage("1", list=[{"a": "${nosuch}"}], b="${1 +}"))
    seen = context(made, "1")
    assert (seen["list"], seen["b"], made.execution) == ([{"a": "${nosuch}"}], "${1 +}", Status.SUCCEEDED)
    told = seen[SUMMARY]
    assert sorted(told) == ["1 +", "nosuch"]
    assert told["nosuch"][0]["level"] == "INFO"
    assert told["nosuch"][0]["timestamp"] == int(START.timestamp() * 1000)
    assert told["nosuch"][0]["description"].startswith("list[0].a, position 3: nosuch not found. Available there: b,")
    assert unresolved(seen)[1] == "b, position 6: the end is not expected here."


def test_a_failed_expression_ends_the_stage_when_it_says_so_even_if_failures_are_ignored():
    options = {"failOnFailedExpressions": True, "failPipeline": False, "continuePipeline": True}
    made = play(stage("1", a="${nosuch}", **options), stage("2", "1"), stage("p"), answers={"p": WAITS})
    assert [made.status(name) for name in ("1", "2", "p")] == [Status.TERMINAL, Status.NOT_STARTED, Status.CANCELED]
    assert made.execution is Status.TERMINAL
    assert made.message("1").startswith("Expressions have no value: a, position 3: nosuch not found.")


def test_a_field_that_cannot_be_read_says_what_its_expression_lacked():
    made = play(stage("1", badConfig="${nosuch}"))
    assert made.message("1").startswith("badConfig: is bad badConfig, position 3: nosuch not found.")


@pytest.mark.parametrize(
    ("expression", "status", "message"),
    [
        ("parameters.env == 'prod'", Status.SUCCEEDED, ""),
        ("'TRUE'", Status.SUCCEEDED, ""),
        ("${parameters.env == 'prod'}", Status.SUCCEEDED, ""),
        ("", Status.SUCCEEDED, ""),
        (None, Status.SUCCEEDED, ""),
        ("parameters.env == 'test'", Status.SKIPPED, "Its condition is not met: parameters.env == 'test'"),
        ("'false'", Status.SKIPPED, "Its condition is not met: 'false'"),
        ("parameters.env", Status.SKIPPED, "neither true nor false. stageEnabled.expression gives 'prod'."),
        ("nosuch", Status.SKIPPED, "stageEnabled.expression, position 1: nosuch not found."),
        ("parameters.env = 'prod'", Status.SKIPPED, "position 16: An expression sets nothing; == compares."),
    ],
)
def test_a_stage_runs_only_if_its_condition_is_true(expression: str | None, status: Status, message: str):
    made = play(stage("1", **on(expression)), stage("2", "1"))
    assert made.status("1") is status
    assert message in made.message("1")
    assert made.status("2") is Status.SUCCEEDED
    assert made.execution is Status.SUCCEEDED
    assert made.performed == (["1/work", "2/work"] if status is Status.SUCCEEDED else ["2/work"])


def test_a_condition_is_asked_when_the_stage_is_about_to_begin():
    made = play(stage("1"), stage("2", "1", **on("go")), answers={"1": [WAITS, Succeeded({}, {"go": True})]})
    assert made.status("2") is Status.NOT_STARTED
    assert made.pass_time(5).status("2") is Status.SUCCEEDED


def test_a_join_of_a_skipped_and_an_ignored_branch_runs():
    ignore = {"failPipeline": False, "continuePipeline": True}
    made = play(stage("a", **on("false")), stage("b", badConfig=1, **ignore), stage("join", "a", "b"))
    assert [made.status(name) for name in ("a", "b")] == [Status.SKIPPED, Status.FAILED_CONTINUE]
    assert made.status("join") is Status.SUCCEEDED


def test_deciding_again_after_a_crash_gives_the_same_values():
    random = "${T(java.util.UUID).randomUUID()} ${new java.util.Date().time} ${T(Math).random()}"
    made = Play([stage("1", text=random), stage("2", text=random)])
    twice = [decide(made.snapshot, START, made.find_type).after.stages for _ in range(2)]
    assert twice[0] == twice[1]
    first, second = (one.context["text"] for one in twice[0].values())
    assert first != second


def test_a_timeout_may_be_an_expression_and_is_refused_when_it_gives_no_number():
    made = play(stage("1", stageTimeoutMs="${1000 * 3}"), answers={"1": WAITS})
    (step,) = made.snapshot.steps.values()
    assert (step.deadline - START).total_seconds() == 3
    assert "stageTimeoutMs: 'soon' is no number of milliseconds." in play(stage("1", stageTimeoutMs="soon")).message(
        "1"
    )


def test_raw_and_evaluated_texts_are_shown_side_by_side():
    raw = {"a": [{"b": "${parameters.env}"}], "c": "x ${nosuch}", "d": "plain", "name": "${no}", "${parameters.env}": 1}
    made = play(stage("1", **{**raw, "name": "1"}))
    found = {pair.path: (pair.raw, pair.value, pair.is_unresolved) for pair in pairs(raw, context(made, "1"))}
    assert found == {
        "a[0].b": ("${parameters.env}", "prod", False),
        "c": ("x ${nosuch}", "x ${nosuch}", True),
    }
    assert json.loads(json.dumps(context(made, "1")))["prod"] == 1
