"""A rehearsal foresees what then happens, and leaves everything as it was."""

from __future__ import annotations

from typing import ClassVar

import pytest
from django.contrib.auth import get_user_model

from clusters.core.values import Capacity, ServerGroupRequest
from clusters.models import Account, Application, AuditEntry, NameReservation, OpLock
from clusters.providers import PROVIDERS
from clusters.trust.permissions import Actor, actor_of
from pipelines import stages
from pipelines.core.definition import read
from pipelines.core.plan import ABSENT, Effect, Intent, Observe
from pipelines.engine.admit import Admission
from pipelines.engine.rehearse import Kind, Rehearsal, rehearse
from pipelines.models import Execution, Work
from pipelines.stages.base import BaseStage
from tests import clouds
from tests.local_agent import agent  # noqa: F401
from tests.pipelines.stages.conftest import ACCOUNT, REGION, World, balanced, world  # noqa: F401
from tests.pipelines.stages.test_deploy import deploy

NAMED = {"credentials": ACCOUNT, "region": REGION}


def foreseen(actor: Actor, *documents: dict) -> Rehearsal:
    numbered = [{"refId": str(n), **stage} for n, stage in enumerate(documents, start=1)]
    document = {"name": "Try", "stages": numbered}
    return rehearse(Admission("shop", read(document), document, actor))


def changes(rehearsal: Rehearsal) -> list[tuple[str, str]]:
    return [(one.name, one.what) for line in rehearsal.lines for one in line.changes]


def kept() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Execution, AuditEntry, NameReservation, OpLock, Work))


def test_a_red_black_deploy_is_foreseen_in_order_and_nothing_is_touched(balanced: World):  # noqa: F811
    balanced.group("shop-test-web-v006", is_disabled=True)
    balanced.group("shop-test-web-v007", size=3)
    before, rows = balanced.there(), kept()
    told = foreseen(balanced.actor, deploy(balanced, maxRemainingAsgs=2))
    assert (told.status, told.message) == ("SUCCEEDED", "")
    assert changes(told) == [
        ("shop-test-web-v008", "is created with 2 instances of shop-1.0"),
        ("shop-test-web-v006", "is ended with all its instances"),
        ("shop-test-web-v007", "leaves its load balancers"),
    ]
    assert (balanced.there(), kept()) == (before, rows)
    assert balanced.cloud.count_calls("server_groups.create") == 2  # the two that were there

    balanced.run(deploy(balanced, maxRemainingAsgs=2))
    assert balanced.there() == {"shop-test-web-v007": ("disabled", 3), "shop-test-web-v008": ("enabled", 2)}


def test_the_instances_that_lose_their_traffic_are_named(balanced: World):  # noqa: F811
    group = balanced.group("shop-test-web-v007")
    told = foreseen(balanced.actor, {"type": "disableServerGroup", "serverGroupName": group.name} | NAMED)
    [line] = [line for line in told.lines if line.kind is Kind.CHANGE]
    assert line.changes[0].instances == tuple(instance.id for instance in group.instances)


def test_waits_are_told_and_not_waited_for(world: World):  # noqa: F811
    group = world.group("shop-test-web-v007")
    told = foreseen(
        world.actor,
        {"type": "wait", "name": "Settle", "waitTime": 86400},
        {"type": "manualJudgment", "name": "Ask", "requisiteStageRefIds": ["1"]},
        {"type": "destroyServerGroup", "serverGroupName": group.name, "requisiteStageRefIds": ["2"]} | NAMED,
    )
    assert told.status == "SUCCEEDED"
    kinds = [(line.kind, line.stage) for line in told.lines]
    assert kinds[:2] == [(Kind.WAIT, "Settle"), (Kind.WAIT, "Ask")]
    assert (Kind.ASSUMED, "Ask") in kinds
    assert (group.name, "is ended with all its instances") in changes(told)


def test_a_failure_is_foreseen_with_what_the_stage_would_say(world: World):  # noqa: F811
    told = foreseen(world.actor, deploy(world, imageId="img-none"))
    assert told.status == "TERMINAL"
    assert "img-none" in told.message
    assert any(line.kind is Kind.FAILURE and "img-none" in line.text for line in told.lines)
    assert not changes(told)


def test_who_may_not_do_it_is_told_so(world: World):  # noqa: F811
    group = world.group("shop-test-web-v007")
    stranger = actor_of(get_user_model().objects.create_user("sam"))
    told = foreseen(stranger, {"type": "destroyServerGroup", "serverGroupName": group.name} | NAMED)
    assert told.status == "TERMINAL"
    assert "sam lacks" in told.message


def test_what_acts_on_more_than_clouds_is_taken_for_granted_and_not_done(world: World, monkeypatch):  # noqa: F811
    done = []

    class Ring(BaseStage):
        key: ClassVar[str] = "ring"
        label: ClassVar[str] = "Ring"

        def steps(self, config):
            ring = Effect("ring", lambda step, config: Intent({}, "ring the bell"), self.do, lambda *_: ABSENT)
            return (ring, Observe("hear", self.do))

        def do(self, *_):
            done.append("rung")

    monkeypatch.setitem(stages.STAGE_TYPES, "ring", Ring())
    told = foreseen(world.actor, {"type": "ring", "name": "Bell"})
    assert told.status == "SUCCEEDED"
    assert [(line.kind, line.text) for line in told.lines] == [(Kind.ASSUMED, "ring the bell")]
    assert done == []


def test_a_pipeline_that_never_ends_is_given_up(world: World, monkeypatch):  # noqa: F811
    monkeypatch.setattr("pipelines.engine.rehearse.MOST_LOOKS", 20)
    world.cloud.never_healthy("shop-test-web-v000")
    told = foreseen(world.actor, deploy(world))
    assert told.status in ("RUNNING", "TERMINAL")


@pytest.mark.xdist_group("agent")
def test_processes_are_left_alone(
    agent,  # noqa: F811
    transactional_db,
    monkeypatch,
):
    monkeypatch.setitem(PROVIDERS, "local", agent.cloud)
    stage = clouds.Stage(agent.cloud)
    Account.objects.create(name=clouds.ACCOUNT, provider="local", regions=[clouds.REGION])
    Application.objects.create(name="shop")
    actor = actor_of(get_user_model().objects.create_superuser("ada"))
    image = stage.bake("hello", "1.0.0")
    group = stage.create(ServerGroupRequest(clouds.REGION, "shop-main-v000", image.id, Capacity(0, 2, 3)))
    place = {"credentials": clouds.ACCOUNT, "region": clouds.REGION, "serverGroupName": group.name}
    resize = {"type": "resizeServerGroup", "capacity": {"min": 0, "desired": 1, "max": 1}}
    told = foreseen(actor, resize | place, {"type": "destroyServerGroup", "requisiteStageRefIds": ["1"]} | place)
    assert told.status == "SUCCEEDED", told.message
    assert changes(told)[0] == ("shop-main-v000", "goes from 2 instances (0 to 3) to 1 instance (0 to 1)")
    assert changes(told)[-1] == ("shop-main-v000", "is ended with all its instances")
    assert agent.cloud.server_groups.get(clouds.ACCOUNT, clouds.REGION, group.name) == group
    stage.clear()
