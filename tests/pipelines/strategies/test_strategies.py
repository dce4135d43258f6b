"""Which children a strategy asks for; nothing runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from clusters.core.values import Capacity
from pipelines import strategies
from pipelines.strategies import rolling_red_black
from pipelines.strategies.base import Deployment

PLACE = {"credentials": "main", "cluster": "shop-test"}
DEPLOYED = Deployment("eu-west-1", "shop-test", "shop-test-v008", "shop-test-v007", PLACE)
FIRST = Deployment("eu-west-1", "shop-test", "shop-test-v000", "", PLACE)
NOT_CREATED = Deployment("eu-west-1", "shop-test", "", "shop-test-v007", PLACE)
NEW = {"region": "eu-west-1", "serverGroupName": "shop-test-v008", "asgName": "shop-test-v008"}
OLD = {"region": "eu-west-1", "serverGroupName": "shop-test-v007", "asgName": "shop-test-v007"}
CLEANUP = PLACE | {"regions": ["eu-west-1"]}


def after(key: str, deployment: Deployment = DEPLOYED, **fields):
    """Without the watch beside them, which every strategy asks for that asks for anything."""
    children = strategies.find(key).after(deployment, rolling_red_black.Options.model_validate(fields))
    if children and deployment.source:
        *children, watch = children
        assert (watch.type_key, watch.name, watch.follows) == ("watchServerGroup", "Watch shop-test-v008", ())
        assert watch.context == PLACE | NEW
    return children


def on_failure(key: str, deployment: Deployment = DEPLOYED, step: str = "waitForUpInstances", **rollback):
    options = rolling_red_black.Options.model_validate({"rollback": rollback})
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


@pytest.mark.parametrize("key", [key for key in strategies.STRATEGIES if key != "rollingredblack"])
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
        ("redblack", DEPLOYED, "", False),
        ("highlander", DEPLOYED, "", False),
        ("rollingredblack", DEPLOYED, "waitForUpInstances", False),
        ("redblack", FIRST, "", True),
        ("highlander", FIRST, "", True),
        ("rollingredblack", NOT_CREATED, "createServerGroup", True),
        ("redblack", NOT_CREATED, "createServerGroup", True),
        ("highlander", DEPLOYED, "waitForUpInstances", True),
        ("", DEPLOYED, "waitForUpInstances", True),
    ],
)
def test_nothing_is_undone_where_that_is_declined_or_nothing_was_made(key, deployment, step, on):
    assert on_failure(key, deployment, step, onFailure=on, destroyLatest=on) == []


GO_BACK = CLEANUP | {
    "serverGroup": "shop-test-v008",
    "originalServerGroup": "shop-test-v007",
    "onlyIfUnhealthy": True,
    "stageTimeoutMs": 1_800_000,
    "additionalRollbackContext": {"onlyOriginal": True},
}


@pytest.mark.parametrize("key", ["redblack", "highlander"])
@pytest.mark.parametrize("rollback", [{}, {"onFailure": True, "destroyLatest": True}])
def test_a_failed_clean_up_is_undone_only_where_the_new_server_group_has_gone_bad(key: str, rollback: dict):
    (back,) = on_failure(key, step="", **rollback)
    assert (back.type_key, back.name, back.context) == ("rollbackCluster", "Rollback shop-test", GO_BACK)


def test_rolling_red_black_begins_with_nothing():
    assert strategies.find("RollingRedBlack").initial(Capacity(2, 3, 4)) == Capacity(0, 0, 0)
    assert strategies.find("redblack").initial(Capacity(2, 3, 4)) == Capacity(2, 3, 4)


WISH = {"min": 2, "desired": 4, "max": 8}


def test_rolling_red_black_grows_then_disables_step_by_step():
    rolling = replace(DEPLOYED, wish=WISH)
    pipeline = {"application": "shop", "pipelineId": "p1", "pipelineParameters": {"suite": "smoke"}}
    fields = {"targetPercentages": [25, "50"], "delayBeforeCleanup": 7, "pipelineBeforeCleanup": pipeline}
    children = after("rollingredblack", rolling, **fields)
    step = [
        "Grow to {}% of Desired Size",
        "Wait Before Disable",
        "Run Validation Pipeline",
        "Disable {}% of Desired Size",
    ]
    steps = [name.format(percentage) for percentage in (25, 50, 100) for name in step]
    assert names(children) == ["Pin shop-test-v007", *steps, "Unpin shop-test-v007"]
    assert [child.follows for child in children] == [(n - 1,) if n else () for n in range(len(children))]
    grow, wait, validation, disable = children[1:5]
    sizes = {"action": "scale_exact", "capacity": WISH, "scalePct": 25, "pinCapacity": True}
    assert grow.context == PLACE | NEW | sizes
    assert children[9].context["pinCapacity"] is False
    assert wait.context == {"waitTime": 7}
    assert disable.context == PLACE | OLD | {"desiredPercentage": 25, "replacedBy": "shop-test-v008"}
    told = {"deployedServerGroup": "shop-test-v008", "sourceServerGroup": "shop-test-v007", "percentageComplete": 25}
    assert validation.type_key == "pipeline"
    assert validation.context == {
        "application": "shop",
        "pipeline": "p1",
        "pipelineParameters": {"suite": "smoke"} | told,
        "waitForCompletion": True,
    }


def test_rolling_red_black_without_a_source_only_grows():
    children = after("rollingredblack", replace(FIRST, wish=WISH), targetPercentages=[50, 100])
    assert names(children) == ["Grow to 50% of Desired Size", "Grow to 100% of Desired Size"]


def test_rolling_red_black_scales_the_source_down_where_asked():
    children = after("rollingredblack", scaleDown=True, delayBeforeScaleDownSec=5)
    assert names(children)[-2:] == ["Wait Before Scale Down", "Scale down shop-test-v007"]


def test_rolling_red_black_undoes_whatever_failed_and_lets_the_source_go():
    pinned = replace(DEPLOYED, source_minimum=1)
    back, unpin, destroy = on_failure("rollingredblack", pinned, "", destroyLatest=True)
    assert back.context == GO_BACK | {"onlyIfUnhealthy": False}
    assert unpin.context == PLACE | OLD | {"action": "scale_exact", "capacity": {"min": 1}}
    assert (destroy.type_key, destroy.follows) == ("destroyServerGroup", (1,))


@pytest.mark.parametrize("percentages", [[0], [101], [50, 25], [50, 50]])
def test_percentages_that_do_not_rise_are_refused(percentages: list):
    with pytest.raises(ValidationError):
        rolling_red_black.Options.model_validate({"targetPercentages": percentages})
