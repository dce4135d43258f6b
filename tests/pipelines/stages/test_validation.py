"""What is told about a stage as it is saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.stages.parts.launch import AWS_FIELDS
from pipelines.stages.validation import problems

CLUSTER = {
    "account": "main",
    "application": "shop",
    "region": "eu-west-1",
    "capacity": {"min": 2, "max": 6, "desired": 2},
    "strategy": "redblack",
}


def of_cluster(**changes) -> list:
    return problems("deploy", {"refId": "3", "type": "deploy", "clusters": [CLUSTER | changes]})


@pytest.mark.parametrize(
    ("type_key", "stage"),
    [
        ("wait", {"waitTime": "${parameters.pause}"}),
        ("wait", {"waitTime": "30"}),
        ("wait", {"waitTime": None, "comments": "x", "notifications": [], "stageTimeoutMs": 1}),
        ("deploy", {"clusters": "${trigger.clusters}"}),
        ("bake", {"package": "shop", "regions": "${parameters.regions}", "user": "ann"}),
        (
            "resizeServerGroup",
            {"target": "${x}", "cluster": "c", "regions": ["r"], "capacity": {"min": "${x}", "max": 1}},
        ),
        ("resizeServerGroup", {"serverGroupName": "${x}", "regions": ["r"], "account": "a", "credentials": "${a}"}),
        ("shrinkCluster", {"cluster": "c", "regions": ["r"], "retainLargerOverNewer": "true"}),
        ("manualJudgment", {"judgmentInputs": [{"value": "yes"}], "instructions": "${x}"}),
        ("findAmi", {"cluster": "c", "regions": ["r"]}),
    ],
)
def test_what_may_yet_come_right_passes(type_key: str, stage: dict):
    assert problems(type_key, {"refId": "1", "type": type_key, "name": "x", **stage}) == []


@pytest.mark.parametrize(
    ("type_key", "stage", "path"),
    [
        ("wait", {"waitTime": -1}, "waitTime"),
        ("wait", {"waitTime": "soon"}, "waitTime"),
        ("bake", {"regions": ["r"]}, "package"),
        ("bake", {"package": "shop"}, "regions"),
        ("deploy", {}, "clusters"),
        ("shrinkCluster", {"regions": ["r"]}, "cluster"),
        ("shrinkCluster", {"cluster": "c", "regions": ["r"], "shrinkToSize": -1}, "shrinkToSize"),
        ("manualJudgment", {"judgmentInputs": [{"value": "a"}, {}]}, "judgmentInputs[1].value"),
    ],
)
def test_what_cannot_come_right_is_an_error_with_its_path(type_key: str, stage: dict, path: str):
    assert [(found, severity) for found, _, severity in problems(type_key, stage)] == [(path, "error")]


@pytest.mark.parametrize(
    ("changes", "path", "severity"),
    [
        ({"capacity": {"min": 3, "desired": 2, "max": 6}}, "clusters[0].capacity", "error"),
        ({"capacity": {"min": 3, "desired": 2}}, "clusters[0].capacity.max", "error"),
        ({"capacity": None}, "clusters[0].capacity", "error"),
        ({"stack": "${x}", "capacity": {"min": 3, "desired": 2, "max": 6}}, "clusters[0].capacity", "error"),
        ({"maxRemainingAsgs": -2}, "clusters[0].maxRemainingAsgs", "error"),
        ({"region": None}, "clusters[0].availabilityZones", "error"),
        ({"strategy": "redblak"}, "clusters[0].strategy", "warning"),
        ({"instanceTyp": "t3"}, "clusters[0].instanceTyp", "warning"),
        ({"rollback": {"onFailur": True}}, "clusters[0].rollback.onFailur", "warning"),
    ],
)
def test_a_cluster_is_checked_field_by_field(changes: dict, path: str, severity: str):
    assert [(found, told) for found, _, told in of_cluster(**changes)] == [(path, severity)]


@pytest.mark.parametrize(
    "changes",
    [
        {"capacity": {"min": "${a}", "desired": 2, "max": 1}},
        {"useSourceCapacity": "${x}", "capacity": None},
        {"strategy": "${parameters.strategy}"},
        {"strategy": "RedBlack"},
        dict.fromkeys(sorted(AWS_FIELDS - {"availabilityZones"}), "x"),
    ],
)
def test_a_cluster_with_expressions_and_fields_of_aws_passes(changes: dict):
    assert of_cluster(**changes) == []


def test_an_unknown_type_is_one_warning():
    ((path, message, severity),) = problems("runJob", {"type": "runJob", "whatever": 1})
    assert (path, severity) == ("type", "warning")
    assert "'runJob'" in message


def test_the_worked_example_is_without_fault():
    pipeline = json.loads((Path(__file__).parent / "bake_and_deploy_shop.json").read_text())
    assert [problems(stage["type"], stage) for stage in pipeline["stages"]] == [[], [], [], []]
