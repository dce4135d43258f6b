"""Variables by expression, on the real engine: seen by later stages, kept with what they were made of."""

from __future__ import annotations

from django.utils import timezone

from clusters.models import Application
from pipelines.models import Pipeline
from pipelines.stages.validation import problems
from tests.pipelines.stages.conftest import World


def variables(**values: object) -> dict:
    listed = [{"key": key, "value": value, "description": ""} for key, value in values.items()]
    return {"type": "evaluateVariables", "name": "Names", "variables": listed}


def test_variables_see_those_before_them_and_later_stages_see_all(world: World):
    application = Application.objects.get(name="shop")
    Pipeline.objects.create(
        id="p-1", application=application, name="Ship", version=1, document={}, source="{}", updated_by="ada",
        updated_at=timezone.now(),
    )  # fmt: skip
    execution = world.run(
        variables(
            seconds="${1 + 1}",
            twice="${seconds * 2}",
            text="${execution.application}-${twice}",
            child="${#pipelineId('Ship')}",
            owner="${#applicationMetadata('shop').name}",
            plain=["x", 1],
        ),
        {"type": "wait", "name": "Rest", "waitTime": "${twice}", "requisiteStageRefIds": ["1"]},
        {"type": "manualJudgment", "name": "Ok?", "instructions": "Ship ${text}?", "requisiteStageRefIds": ["2"]},
        looks=4,
    )
    made = world.stage("Names")
    outputs = {"seconds": 2, "twice": 4, "text": "shop-4", "child": "p-1", "owner": "shop", "plain": ["x", 1]}
    assert made.outputs == outputs
    assert made.context["variables"][1] == {
        "key": "twice", "value": 4, "description": "", "sourceExpression": "${seconds * 2}"
    }  # fmt: skip
    assert world.stage("Rest").context["waitTime"] == 4
    assert world.stage("Ok?").context["instructions"] == "Ship shop-4?"
    assert execution.spec["stages"][1]["waitTime"] == "${twice}"


def test_a_variable_without_a_value_keeps_its_text_or_ends_the_stage(world: World):
    world.run(variables(a="${nosuch}"))
    assert world.stage("Names").outputs == {"a": "${nosuch}"}
    world.run(variables(a="${nosuch}") | {"failOnFailedExpressions": True, "continuePipeline": True})
    assert world.execution.status == "TERMINAL"
    assert "Names: Expressions have no value: variables[0].value, position 3: nosuch" in world.execution.message


def test_a_wait_that_gets_no_number_says_what_its_expression_lacked(world: World):
    world.run({"type": "wait", "name": "Rest", "waitTime": "${parameters.seconds}"})
    assert world.execution.status == "TERMINAL"
    assert "Rest: waitTime: " in world.execution.message
    assert "waitTime, position 14: seconds not found." in world.execution.message


def test_a_rehearsal_evaluates_too_and_skips_what_would_be_skipped(world: World):
    off = {"stageEnabled": {"type": "expression", "expression": "seconds > 5"}}
    rehearsal = world.rehearse(
        variables(seconds="${2 * 2}"),
        {"type": "wait", "name": "Off", "waitTime": 9, "requisiteStageRefIds": ["1"], **off},
        {"type": "wait", "name": "Rest", "waitTime": "${seconds}", "requisiteStageRefIds": ["2"]},
    )
    assert rehearsal.status == "SUCCEEDED"
    assert [line.stage for line in rehearsal.lines] == ["Rest"]


def test_faults_are_told_when_saved_by_their_path():
    stage = {
        "type": "wait",
        "waitTime": "${1 +}",
        "comments": "${#nosuch(1)}",
        "stageEnabled": {"type": "expression", "expression": "a ="},
    }
    assert problems("wait", stage) == [
        ("stageEnabled.expression", "Position 3: An expression sets nothing; == compares.", "warning"),
        ("waitTime", "Position 6: the end is not expected here.", "warning"),
        ("comments", "Position 3: There is no function #nosuch.", "warning"),
    ]
