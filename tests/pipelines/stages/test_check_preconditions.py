"""Preconditions, on the real engine."""

from __future__ import annotations

import pytest

from pipelines.stages.validation import problems
from tests.pipelines.stages.conftest import ACCOUNT, REGION, World

SIZE = {"cluster": "shop-test", "credentials": ACCOUNT, "regions": [REGION]}


def check(*preconditions: dict, **more) -> dict:
    return {"type": "checkPreconditions", "name": "Check", "preconditions": list(preconditions), **more}


def size(comparison: str, expected: int, **more) -> dict:
    return {"type": "clusterSize", "context": SIZE | {"comparison": comparison, "expected": expected} | more}


def expression(text: str, **more) -> dict:
    return {"type": "expression", "context": {"expression": text, **more}}


@pytest.fixture
def two(world: World) -> World:
    world.group("shop-test-v001", is_disabled=True)
    world.group("shop-test-v002")
    return world


@pytest.mark.parametrize(
    ("precondition", "message"),
    [
        (size("==", 2), ""),
        (
            size("<", 2),
            "Expected < 2 server groups of shop-test in eu-west-1, found 2 (shop-test-v002, shop-test-v001).",
        ),
        (size("<=", 2), ""),
        (size(">=", 3), "Expected >= 3 server groups of shop-test in eu-west-1, found 2"),
        (size(">", 1), ""),
        (size("==", 1, onlyEnabledServerGroups=True), ""),
        (size(">", 1, onlyEnabledServerGroups="true"), "Expected > 1 enabled server groups of shop-test in eu-west-1"),
        (size("==", 0, cluster="shop-none"), ""),
        (size("about", 2), "comparison: 'about' is none of < <= == >= >"),
        (size("==", 2, regions=[]), "clusterSize needs a cluster and regions."),
        ({"type": "noop"}, ""),
        ({"type": "stageStatus", "context": {"stageName": "Rest", "stageStatus": "SUCCEEDED"}}, ""),
        (
            {"type": "stageStatus", "context": {"stageName": "Rest", "stageStatus": "STOPPED"}},
            "Expected Rest to be STOPPED, it is SUCCEEDED.",
        ),
        ({"type": "stageStatus", "context": {"stageName": "None"}}, "There is no stage 'None' before this one."),
        ({"type": "magic"}, "'magic' is none of clusterSize, expression, stageStatus, noop"),
        (expression("#stage('Rest').status == 'SUCCEEDED'"), ""),
        (expression("'true'"), ""),
        (expression("execution.application == 'other'"), "Expected execution.application == 'other' to be true: it is"),
        (expression("1", failureMessage="Not now."), "Not now. Expected 1 to be true: it is 1."),
        (
            expression("nosuch", failureMessage="No ${execution.application}"),
            "No shop. Expected nosuch to be true: preconditions[0].context.expression, position 1: nosuch not found.",
        ),
    ],
)
def test_each_precondition_holds_or_says_why_not(two: World, precondition: dict, message: str):
    execution = two.run({"type": "wait", "name": "Rest"}, check(precondition, requisiteStageRefIds=["1"]))
    assert execution.status == ("TERMINAL" if message else "SUCCEEDED"), execution.message
    assert message in execution.message


def test_each_has_a_child_of_its_own(two: World):
    two.run(check(size("==", 2), {"type": "noop"}))
    assert two.tree() == [
        "1 checkPreconditions 'Check' []",
        "1<1 checkPreconditions 'Check precondition (clusterSize)' [checkPrecondition]",
        "1<2 checkPreconditions 'Check precondition (noop)' [checkPrecondition]",
    ]


def test_one_that_does_not_fail_the_pipeline_stops_its_branch_only(two: World):
    two.run(
        check(size("==", 9) | {"failPipeline": False}),
        {"type": "wait", "name": "Behind", "requisiteStageRefIds": ["1"]},
        {"type": "wait", "name": "Beside"},
    )
    statuses = {name: two.stage(name).status for name in ("Check", "Behind", "Beside")}
    assert statuses == {"Check": "STOPPED", "Behind": "NOT_STARTED", "Beside": "SUCCEEDED"}
    assert two.execution.status == "SUCCEEDED"


def test_what_an_expression_gave_is_kept_with_its_check(two: World):
    two.run(check(expression("{1, 2}.size() == 2")))
    context = two.stage("Check precondition (expression)").context
    assert (context["expression"], context["expressionResult"]) == ("{1, 2}.size() == 2", True)


def test_an_expression_that_cannot_be_read_is_told_when_saved():
    (problem,) = problems("checkPreconditions", check(expression("1 = 1")))
    message = "Position 3: An expression sets nothing; == compares."
    assert problem == ("preconditions[0].context.expression", message, "warning")
