"""A new server group is looked after while a strategy runs: what counts as ill, and for how long that is borne."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from clusters.core.values import Capacity, Health, HealthReport, ServerGroup
from pipelines.core.plan import Running, StageView, StepFailed, StepView
from pipelines.stages import find
from pipelines.stages import watch_server_group as watching
from tests.pipelines.core.harness import START
from tests.pipelines.stages.conftest import ACCOUNT, REGION, World

NEW = "shop-test-v001"
PLACE = {"credentials": ACCOUNT, "region": REGION, "serverGroupName": NEW}


class Watch:
    """Looks each `seconds`; what a look writes is there for the next."""

    def __init__(self, world: World, **context: object) -> None:
        self.world, self.now, self.context = world, START, PLACE | context

    def look(self, seconds: float = 0) -> str:
        """What it waits for. Raises StepFailed."""
        self.now += timedelta(seconds=seconds)
        stage_type = find("watchServerGroup")
        config = stage_type.parse(self.context)
        stage = StageView("e", "shop", "s", "1>1", "Watch", 1, self.world.actor, self.context, {})
        step = StepView(stage, "watchServerGroup", "t", self.now, START, START)
        outcome = stage_type.steps(config)[0].check(step, config)
        assert isinstance(outcome, Running)
        self.context |= outcome.context
        return outcome.waiting_for

    def set(self, *healths: Health) -> None:
        group = self.world.cloud.server_groups.get(ACCOUNT, REGION, NEW)
        some = group.instances[0]
        instances = (
            replace(some, id=f"i-{n}", health=health, reports=(HealthReport("Platform", health),))
            for n, health in enumerate(healths)
        )
        self.keep(replace(group, instances=tuple(instances)))

    def keep(self, group: ServerGroup) -> None:
        self.world.cloud.world.groups[ACCOUNT, REGION, NEW] = group


@pytest.fixture
def watch(world: World) -> Watch:
    world.group(NEW, size=2)
    world.cloud.never_healthy(NEW)  # what is ill stays ill instead of being replaced
    return Watch(world)


def test_it_is_ill_when_fewer_are_healthy_than_before_for_longer_than_is_borne(watch: Watch):
    watch.set(Health.UP, Health.UP)
    assert watch.look() == f"the strategy to end; 2 instances of {NEW} are healthy"
    watch.set(Health.UP, Health.DOWN)
    assert "went bad: 1 of 2 instances are healthy: i-1 Down; it has 10 s to recover" in watch.look(1)
    watch.look(watching.PATIENCE - 1)
    with pytest.raises(StepFailed, match=f"{NEW} went bad: 1 of 2 instances are healthy: i-1 Down"):
        watch.look(1)


def test_one_that_recovers_in_time_has_its_patience_anew(watch: Watch):
    watch.look()
    watch.set(Health.UP, Health.DOWN)
    watch.look(1)
    watch.set(Health.UP, Health.UP)
    assert "the strategy to end" in watch.look(9)
    watch.set(Health.DOWN, Health.DOWN)
    watch.look(9)
    assert "10 s to recover" in watch.look(9)


def test_what_never_was_healthy_yet_is_not_missed_and_what_is_no_longer_wanted_neither(watch: Watch):
    watch.set(Health.UP, Health.UNKNOWN)
    watch.look()
    assert "the strategy to end" in watch.look(60)
    watch.set(Health.UP, Health.UP)
    watch.look()
    group = watch.world.cloud.server_groups.get(ACCOUNT, REGION, NEW)
    watch.keep(replace(group, capacity=Capacity(1, 1, 1), instances=group.instances[:1]))
    assert "the strategy to end" in watch.look(60)


def test_no_more_is_asked_than_the_deployment_asked(watch: Watch):
    watch.context["targetHealthyDeployPercentage"] = 50
    watch.look()
    watch.set(Health.UP, Health.DOWN)
    assert "the strategy to end" in watch.look(60)


def test_one_that_is_gone_is_told_of(watch: Watch):
    watch.world.cloud.server_groups.destroy(ACCOUNT, REGION, NEW)
    with pytest.raises(StepFailed, match=f"{NEW} was destroyed while it took over"):
        watch.look()
