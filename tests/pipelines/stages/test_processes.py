"""Suspending and resuming the processes of a server group, on the real engine."""

from __future__ import annotations

import pytest

from tests.pipelines.stages.conftest import ACCOUNT, REGION, World

ABOUT = {"credentials": ACCOUNT, "regions": [REGION], "cluster": "shop-test", "target": "current_asg_dynamic"}
SUSPEND = ABOUT | {"type": "modifyAwsScalingProcess", "name": "Hold", "action": "suspend"}
RESUME = SUSPEND | {"name": "Let go", "action": "resume", "requisiteStageRefIds": ["1"]}
NAME = "shop-test-v002"


@pytest.fixture
def held(balanced: World) -> World:
    balanced.group("shop-test-v001")
    balanced.group(NAME)
    balanced.cloud.server_groups.suspend(ACCOUNT, REGION, NAME, frozenset({"HealthCheck"}))
    return balanced


def suspended(world: World) -> set[str]:
    return set(world.cloud.server_groups.get(ACCOUNT, REGION, NAME).suspended_processes)


def test_only_what_is_not_yet_so_is_changed_and_restored_later(held: World):
    execution = held.run(SUSPEND | {"processes": ["Launch", "HealthCheck", "ScheduledActions"]}, RESUME)
    assert execution.status == "SUCCEEDED", execution.message
    assert held.tree()[1:3] == [
        "1<1 determineTargetServerGroup 'determineTargetServerGroup' [determineTargetServerGroup]",
        "1<2 modifyAwsScalingProcess 'Modify scaling process in eu-west-1' [suspend,waitForScalingProcesses]",
    ]
    first, second = (
        stage.outputs[f"scalingProcesses.{NAME}"] for stage in held.stages("Modify scaling process in eu-west-1")
    )
    assert first == second == ["Launch", "ScheduledActions"]
    assert suspended(held) == {"HealthCheck"}


def test_nothing_to_change_is_no_call(held: World):
    calls = held.cloud.count_calls("server_groups.suspend")
    alias = SUSPEND | {"type": "modifyScalingProcess", "processes": ["HealthCheck"]}
    assert held.run(alias).status == "SUCCEEDED"
    assert held.cloud.count_calls("server_groups.suspend") == calls


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"processes": []}, f"processes: name some; no earlier stage has changed any of {NAME}."),
        ({"processes": ["Sleep"]}, "processes[0]: Input should be 'Launch', 'Terminate'"),
        ({"action": "stop", "processes": ["Launch"]}, "action: Input should be 'suspend' or 'resume'"),
        ({"cluster": "shop-none", "processes": ["Launch"]}, "There is no current_asg_dynamic of shop-none in"),
    ],
)
def test_what_cannot_be_is_told(held: World, fields: dict, message: str):
    execution = held.run(SUSPEND | fields)
    assert execution.status == "TERMINAL"
    assert message in execution.message
    assert suspended(held) == {"HealthCheck"}
