"""Pipeline JSON to a spec: every problem is named by its path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.definition import MOST_BYTES, MOST_STAGES, parse_source, read

GOOD = {"refId": "1", "type": "wait", "name": "Wait"}


def problems(*stages, **document):
    spec = read({"name": "P", "stages": list(stages), **document})
    return [(problem.path, problem.severity) for problem in spec.problems]


def test_a_good_pipeline_has_no_problem_and_keeps_its_stages_in_order():
    spec = read({"name": "P", "stages": [GOOD, {"refId": 2, "type": "wait", "requisiteStageRefIds": [1]}]})
    assert not spec.problems
    assert [(stage.ref, stage.requisites, stage.name) for stage in spec.stages] == [
        ("1", (), "Wait"),
        ("2", ("1",), "wait"),
    ]


@pytest.mark.parametrize(
    ("stages", "path"),
    [
        ([GOOD, GOOD], "stages[1].refId"),
        ([{**GOOD, "requisiteStageRefIds": ["9"]}], "stages[0].requisiteStageRefIds[0]"),
        ([{**GOOD, "requisiteStageRefIds": ["1"]}], "stages[0].requisiteStageRefIds"),
        ([{"type": "wait"}], "stages[0].refId"),
        ([{"refId": "1<2", "type": "wait"}], "stages[0].refId"),
        ([{"refId": "1"}], "stages[0].type"),
        (["wait"], "stages[0]"),
        ([{**GOOD, "requisiteStageRefIds": "1"}], "stages[0].requisiteStageRefIds"),
    ],
    ids=["twice", "missing", "self", "no refId", "sign in refId", "no type", "not an object", "not a list"],
)
def test_a_broken_stage_is_an_error_with_its_path(stages, path):
    assert (path, "error") in problems(*stages)


def test_a_cycle_names_the_stages_along_it():
    stages = [
        {**GOOD, "refId": "a", "requisiteStageRefIds": ["c"]},
        {**GOOD, "refId": "b", "requisiteStageRefIds": ["a"]},
        {**GOOD, "refId": "c", "requisiteStageRefIds": ["b"]},
    ]
    (problem,) = read({"name": "P", "stages": stages}).problems
    assert problem.message == "Stages wait for each other: a > c > b > a."


def test_a_pipeline_needs_a_name_and_a_list_of_stages():
    assert ("name", "error") in problems(name=" ")
    assert ("stages", "error") in problems(stages={"1": GOOD})


def test_too_many_stages_are_refused():
    many = [{**GOOD, "refId": str(number)} for number in range(MOST_STAGES + 1)]
    assert problems(*many) == [("stages", "error")]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('{"a": }', "line 1, column 7"),
        ("[]", "JSON object"),
        ("", "not JSON"),
        ('{"a": "' + "x" * MOST_BYTES + '"}', "KiB at most"),
        ("[" * 100000, "deeper"),
        ('{"a":' * 40 + "1" + "}" * 40, "deeper"),
        ('{"a": "\\u0000"}', "U+0000"),
    ],
    ids=["syntax", "list", "empty", "long", "bomb", "deep", "nul"],
)
def test_text_that_is_no_pipeline_says_why(source, said):
    document, (problem,) = parse_source(source)
    assert document == {}
    assert said in problem.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
STAGE = st.fixed_dictionaries({}, optional=dict.fromkeys(("refId", "type", "name", "requisiteStageRefIds"), JSON))


@given(
    st.fixed_dictionaries(
        {}, optional={"name": JSON, "stages": st.lists(STAGE | JSON, max_size=4) | JSON, "parameterConfig": JSON}
    )
)
def test_no_json_at_all_breaks_the_reader(document):
    spec = read(document)
    assert all(problem.path and problem.message for problem in spec.problems)


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parents[3].glob("spinnaker_web/demo/pipelines/*.json")), ids=lambda path: path.name
)
def test_the_demo_pipelines_have_no_problem(path):
    assert not read(json.loads(path.read_text())).problems


def test_a_path_counts_stages_as_they_stand_in_the_document():
    stages = [{"type": "wait"}, {"refId": "1", "type": "wait"}, {"refId": "1", "type": "wait"}]
    problems = read({"name": "Ship", "stages": stages}).problems
    assert [problem.path for problem in problems] == ["stages[0].refId", "stages[2].refId"]


@pytest.mark.parametrize(
    "value", ["NaN", "-Infinity", "1e999", '"\\ud800"', '"\\u0000"', "1" * 5000, "[" * 40 + "]" * 40]
)
def test_json_that_cannot_be_stored_is_refused_in_words(value):
    document, problems = parse_source(f'{{"name": "P", "other": {value}}}')
    assert document == {}
    assert len(problems) == 1
