"""Which children a strategy asks for; nothing runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import strategies
from pipelines.strategies import red_black
from pipelines.strategies.base import Deployment

PLACE = {"credentials": "main", "cluster": "shop-test"}
DEPLOYED = Deployment("eu-west-1", "shop-test", "shop-test-v008", "shop-test-v007", PLACE)
FIRST = Deployment("eu-west-1", "shop-test", "shop-test-v000", "", PLACE)
NOT_CREATED = Deployment("eu-west-1", "shop-test", "", "shop-test-v007", PLACE)
CLEANUP = PLACE | {"regions": ["eu-west-1"]}


def after(key: str, deployment: Deployment = DEPLOYED, **fields):
    return strategies.find(key).after(deployment, red_black.Options.model_validate(fields))


def on_failure(key: str, deployment: Deployment = DEPLOYED, step: str = "waitForUpInstances", **rollback):
    options = red_black.Options.model_validate({"rollback": rollback})
    return strategies.find(key).on_failure(deployment, options, step)


def names(children) -> list[str]:
    return [child.name for child in children]


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("", "None"),
        ("RedBlack", "Red/black"),
        ("REDBLACK", "Red/black"),
        ("Highlander", "Highlander"),
        ("nonsense", "None"),
    ],
)
def test_keys_are_compared_in_any_case_and_an_unknown_one_is_none(key: str, label: str):
    assert strategies.find(key).label == label


def test_each_strategy_is_a_file_of_the_folder():
    folder = {path.stem for path in Path(strategies.__file__).parent.glob("*.py")} - {"__init__", "base"}
    assert folder == {type(strategy).__module__.rpartition(".")[2] for strategy in strategies.STRATEGIES.values()}


@pytest.mark.parametrize("key", list(strategies.STRATEGIES))
def test_without_a_source_there_is_nothing_to_clean_up(key: str):
    assert after(key, FIRST, maxRemainingAsgs=2, scaleDown=True) == []


def test_highlander_shrinks_to_one_whatever_is_active():
    (shrink,) = after("highlander")
    assert shrink.type_key == "shrinkCluster"
    assert shrink.context == CLEANUP | {"shrinkToSize": 1, "allowDeleteActive": True, "retainLargerOverNewer": False}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ["disableCluster"]),
        ({"maxRemainingAsgs": 2}, ["shrinkCluster", "disableCluster"]),
        ({"maxRemainingAsgs": "0"}, ["disableCluster"]),
        ({"delayBeforeDisableSec": 60}, ["Wait Before Disable", "disableCluster"]),
        ({"delayBeforeCleanup": "60"}, ["Wait Before Disable", "disableCluster"]),
        ({"scaleDown": "true"}, ["disableCluster", "scaleDown"]),
        ({"delayBeforeScaleDownSec": 5}, ["disableCluster"]),
        (
            {"maxRemainingAsgs": 3, "delayBeforeDisableSec": 60, "scaleDown": True, "delayBeforeScaleDownSec": 5},
            ["shrinkCluster", "Wait Before Disable", "disableCluster", "Wait Before Scale Down", "scaleDown"],
        ),
    ],
)
def test_red_black_shrinks_then_disables_then_scales_down(fields: dict, expected: list[str]):
    children = after("redblack", **fields)
    assert names(children) == expected
    assert [child.follows for child in children] == [(n - 1,) if n else () for n in range(len(children))]


def test_red_black_tells_its_children_what_to_keep():
    children = after("redblack", maxRemainingAsgs=2, allowDeleteActive=True, delayBeforeCleanup=7, scaleDown=True)
    contexts = [child.context for child in children]
    assert contexts == [
        CLEANUP | {"shrinkToSize": 2, "allowDeleteActive": True, "retainLargerOverNewer": False},
        {"waitTime": 7},
        CLEANUP | {"remainingEnabledServerGroups": 1, "preferLargerOverNewer": False},
        CLEANUP | {"remainingFullSizeServerGroups": 1, "allowScaleDownActive": False, "preferLargerOverNewer": False},
    ]


def test_a_new_server_group_that_is_ill_is_rolled_back_for_half_an_hour():
    (rollback,) = on_failure("redblack", onFailure=True)
    assert (rollback.type_key, rollback.name) == ("rollbackCluster", "Rollback shop-test")
    assert rollback.context == CLEANUP | {
        "serverGroup": "shop-test-v008",
        "originalServerGroup": "shop-test-v007",
        "stageTimeoutMs": 1_800_000,
        "additionalRollbackContext": {"disableOnly": True, "onlyEnabledServerGroups": True},
    }


def test_it_is_destroyed_after_the_rollback_when_asked():
    rollback, destroy = on_failure("redblack", onFailure=True, destroyLatest=True)
    assert (destroy.type_key, destroy.name, destroy.follows) == ("destroyServerGroup", "Destroy shop-test-v008", (0,))
    assert destroy.context["serverGroupName"] == "shop-test-v008"
    assert rollback.follows == ()


@pytest.mark.parametrize(
    ("key", "deployment", "step", "on"),
    [
        ("redblack", DEPLOYED, "waitForUpInstances", False),
        ("redblack", DEPLOYED, "", True),
        ("redblack", NOT_CREATED, "createServerGroup", True),
        ("highlander", DEPLOYED, "waitForUpInstances", True),
        ("", DEPLOYED, "waitForUpInstances", True),
    ],
)
def test_nothing_is_undone_after_a_failed_clean_up_nor_before_anything_was_made(key, deployment, step, on):
    assert on_failure(key, deployment, step, onFailure=on, destroyLatest=on) == []
