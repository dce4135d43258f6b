"""The contract of clusters/providers/base.py as a suite, run against every cloud that needs no account."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from clusters.core.scaling import Alarm, PolicyKind, Scaling, ScalingPolicy, ScheduledAction, has_policy
from clusters.core.values import (
    BakeRequest,
    BakeState,
    Capacity,
    Health,
    HealthCheck,
    Image,
    InvalidValue,
    Listener,
    LoadBalancerRequest,
    Process,
    Rule,
    ServerGroup,
    ServerGroupRequest,
)
from clusters.providers.base import TOKEN_TAG, Conflict, InvalidRequest, NameTaken, NotFound
from clusters.providers.memory import MemoryCloud
from spinnaker_web import demo_package
from tests.clouds import ACCOUNT, HEALTH_CHECK, REFUSED, REGION, Stage
from tests.moto_world import REGIONS, Moto


class OnAws(Stage):
    """Its packages are in a repository, which is the world's."""

    def __init__(self, aws: Moto) -> None:
        super().__init__(aws.cloud, pause_seconds=0.01, region=REGIONS[0])
        self._world = aws.world

    def upload(self, package: str, version: str, archive: bytes | None = None) -> None:
        self._world.packages.add((package, version))


LOCAL = pytest.param("local", marks=pytest.mark.xdist_group("agent"))
CLOUDS = {"memory": "memory", "local": LOCAL, "aws": "aws"}


def where_not_refused(operation: str) -> pytest.MarkDecorator:
    clouds = [param for cloud, param in CLOUDS.items() if (cloud, operation) not in REFUSED]
    return pytest.mark.parametrize("stage", clouds, indirect=True)


keeps_packages = where_not_refused("packages.put")
#: Where each load balancer has an address of its own, ports are free.
one_address = pytest.mark.parametrize("stage", [CLOUDS["memory"], LOCAL], indirect=True)


@pytest.fixture(params=CLOUDS.values())
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    if request.param == "memory":
        stage = Stage(MemoryCloud(regions=(REGION,)), pause_seconds=0)
    elif request.param == "local":
        stage = Stage(request.getfixturevalue("agent").cloud, pause_seconds=0.05)
    else:
        aws = request.getfixturevalue("aws")
        aws.add_account(ACCOUNT)
        stage = OnAws(aws)
    yield stage
    stage.clear()


@pytest.fixture
def image(stage: Stage) -> Image:
    return stage.bake("hello", "1.0.0")


@pytest.fixture
def request_(stage: Stage, image: Image) -> ServerGroupRequest:
    return ServerGroupRequest(stage.region, "hello-main-v000", image.id, Capacity(0, 1, 3))


@pytest.fixture
def group(stage: Stage, request_: ServerGroupRequest) -> ServerGroup:
    return stage.create(request_)


@pytest.fixture
def balanced(stage: Stage, request_: ServerGroupRequest) -> ServerGroup:
    stage.balancer("hello-lb")
    return stage.create(replace(request_, load_balancers=("hello-lb",)))


# Server groups ----------------------------------------------------------------------------------------------------


def test_the_region_is_listed(stage: Stage) -> None:
    assert stage.region in stage.cloud.regions(ACCOUNT)


def test_a_server_group_that_does_not_exist_is_not_found(stage: Stage) -> None:
    with pytest.raises(NotFound):
        stage.cloud.server_groups.get(ACCOUNT, stage.region, "none-v000")
    with pytest.raises(NotFound):
        stage.cloud.server_groups.resize(ACCOUNT, stage.region, "none-v000", Capacity(1, 1, 1))
    with pytest.raises(NotFound):
        stage.cloud.server_groups.disable(ACCOUNT, stage.region, "none-v000")


def test_a_new_server_group_comes_up_to_its_desired_size(stage: Stage, request_: ServerGroupRequest) -> None:
    request = replace(request_, capacity=Capacity(1, 2, 3), tags={"user": "ann"}, environment={"GREETING": "hi"})
    created = stage.cloud.server_groups.create(ACCOUNT, request, "token-1")
    assert (created.account, created.region, created.name) == (ACCOUNT, stage.region, request.name)
    assert created.capacity == Capacity(1, 2, 3)
    assert created.tags == {"user": "ann", TOKEN_TAG: "token-1"}

    group = stage.until(created.name, lambda group: group.count(Health.UP) == 2)
    assert len({instance.id for instance in group.instances}) == 2
    assert all(instance.launched_at and instance.address for instance in group.instances)
    assert [report.source for report in group.instances[0].reports] == ["Platform"]
    assert group in stage.cloud.server_groups.list(ACCOUNT, stage.region)


def test_changes_tell_of_all_groups_and_in_full_of_those_that_differ(
    stage: Stage, request_: ServerGroupRequest
) -> None:
    group = stage.create(request_)
    known = stage.cloud.server_groups.changes(ACCOUNT, stage.region, {})
    assert (list(known.groups), set(known.marks)) == ([group], {group.name})
    size = group.capacity.desired + 1
    stage.cloud.server_groups.resize(ACCOUNT, stage.region, group.name, Capacity(0, size, size))
    changed = stage.cloud.server_groups.changes(ACCOUNT, stage.region, known.marks)
    assert [one.capacity.desired for one in changed.groups] == [size]
    stage.cloud.server_groups.destroy(ACCOUNT, stage.region, group.name)
    stage.until_gone(group.name)
    gone = stage.cloud.server_groups.changes(ACCOUNT, stage.region, changed.marks)
    assert (gone.groups, gone.marks) == ((), {})


def test_instances_are_spread_over_the_zones_that_are_asked_for(stage: Stage, request_: ServerGroupRequest) -> None:
    first, second, *_ = stage.cloud.zones(ACCOUNT, stage.region)
    asked = {"availabilityZones": {stage.region: [first, second]}}
    group = stage.create(replace(request_, capacity=Capacity(0, 2, 3), extra=asked))
    assert {instance.zone for instance in group.instances} == {first, second}


def test_creating_again_with_the_same_token_gives_the_same_group(stage: Stage, request_: ServerGroupRequest) -> None:
    first = stage.cloud.server_groups.create(ACCOUNT, request_, "token-1")
    second = stage.cloud.server_groups.create(ACCOUNT, request_, "token-1")
    assert first.created_at == second.created_at
    assert len(stage.names()) == 1


def test_a_name_that_another_token_took_is_refused(stage: Stage, request_: ServerGroupRequest) -> None:
    stage.cloud.server_groups.create(ACCOUNT, request_, "token-1")
    with pytest.raises(NameTaken):
        stage.cloud.server_groups.create(ACCOUNT, request_, "token-2")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"image_id": "img-000000000000"}, "imageId"),
        ({"load_balancers": ("none",)}, "loadBalancers"),
        ({"security_groups": ("none",)}, "securityGroups"),
        ({"region": "atlantis"}, "region"),
        ({"extra": {"availabilityZones": {REGION: ["z"], REGIONS[0]: ["z"]}}}, "availabilityZones"),
        ({"capacity": Capacity(0, 1, 100_000)}, "capacity.max"),
    ],
)
def test_what_a_request_names_must_exist(stage: Stage, request_: ServerGroupRequest, change: dict, field: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        stage.cloud.server_groups.create(ACCOUNT, replace(request_, **change), "token-1")
    assert error.value.field == field
    assert stage.names() == []


def test_a_desired_size_beyond_the_largest_cannot_even_be_said() -> None:
    with pytest.raises(InvalidValue):
        Capacity(1, 4, 3)


def test_a_group_grows_and_shrinks_to_the_size_it_is_given(stage: Stage, group: ServerGroup) -> None:
    stage.cloud.server_groups.resize(ACCOUNT, stage.region, group.name, Capacity(1, 3, 3))
    stage.until(group.name, lambda group: group.count(Health.UP) == 3)
    stage.cloud.server_groups.resize(ACCOUNT, stage.region, group.name, Capacity(0, 1, 3))
    shrunk = stage.until(group.name, lambda group: len(group.instances) == 1)
    assert shrunk.capacity == Capacity(0, 1, 3)


def test_a_group_with_launch_suspended_does_not_grow(stage: Stage, group: ServerGroup) -> None:
    launch = frozenset({Process.LAUNCH.value})
    stage.cloud.server_groups.suspend(ACCOUNT, stage.region, group.name, launch)
    stage.cloud.server_groups.resize(ACCOUNT, stage.region, group.name, Capacity(0, 2, 3))
    stage.stays(group.name, lambda group: len(group.instances) == 1)
    stage.cloud.server_groups.resume(ACCOUNT, stage.region, group.name, launch)
    stage.until(group.name, lambda group: group.count(Health.UP) == 2)


def test_a_group_with_terminate_suspended_does_not_shrink(stage: Stage, group: ServerGroup) -> None:
    terminate = frozenset({Process.TERMINATE.value})
    stage.cloud.server_groups.suspend(ACCOUNT, stage.region, group.name, terminate)
    stage.cloud.server_groups.resize(ACCOUNT, stage.region, group.name, Capacity(0, 0, 3))
    stage.stays(group.name, lambda group: len(group.instances) == 1)
    stage.cloud.server_groups.resume(ACCOUNT, stage.region, group.name, terminate)
    stage.until(group.name, lambda group: not group.instances)


def test_a_terminated_instance_is_replaced(stage: Stage, group: ServerGroup) -> None:
    old = group.instances[0].id
    stage.cloud.instances.terminate(ACCOUNT, stage.region, old)
    stage.until(group.name, lambda group: group.count(Health.UP) == 1 and group.instances[0].id != old)
    stage.cloud.instances.terminate(ACCOUNT, stage.region, old)


def test_a_terminated_instance_is_not_replaced_while_launch_is_suspended(stage: Stage, group: ServerGroup) -> None:
    stage.cloud.server_groups.suspend(ACCOUNT, stage.region, group.name, frozenset({Process.LAUNCH.value}))
    stage.cloud.instances.terminate(ACCOUNT, stage.region, group.instances[0].id)
    stage.until(group.name, lambda group: not group.instances)
    stage.stays(group.name, lambda group: not group.instances)


def test_an_instance_of_a_balanced_group_is_up_by_two_sources(stage: Stage, balanced: ServerGroup) -> None:
    [instance] = balanced.instances
    assert [(report.source, report.health) for report in instance.reports] == [
        ("Platform", Health.UP),
        ("LoadBalancer", Health.UP),
    ]
    balancer = stage.cloud.load_balancers.get(ACCOUNT, stage.region, "hello-lb")
    assert [(member, report.health) for member, report in balancer.members] == [(instance.id, Health.UP)]


def test_a_disabled_group_serves_nothing_and_an_enabled_one_serves_again(stage: Stage, balanced: ServerGroup) -> None:
    stage.cloud.server_groups.disable(ACCOUNT, stage.region, balanced.name)
    disabled = stage.until(balanced.name, lambda group: group.count(Health.OUT_OF_SERVICE) == 1)
    assert disabled.is_disabled
    assert disabled.suspended_processes == {"Launch", "Terminate", "AddToLoadBalancer"}
    assert disabled.instances[0].id == balanced.instances[0].id

    stage.cloud.server_groups.enable(ACCOUNT, stage.region, balanced.name)
    enabled = stage.until(balanced.name, lambda group: group.count(Health.UP) == 1)
    assert not enabled.is_disabled
    assert enabled.suspended_processes == frozenset()


def test_suspending_and_resuming_twice_is_harmless(stage: Stage, group: ServerGroup) -> None:
    some = frozenset({Process.LAUNCH.value, Process.HEALTH_CHECK.value})
    for _ in range(2):
        stage.cloud.server_groups.suspend(ACCOUNT, stage.region, group.name, some)
    assert stage.get(group.name).suspended_processes == some
    for _ in range(2):
        stage.cloud.server_groups.resume(ACCOUNT, stage.region, group.name, some)
    assert stage.get(group.name).suspended_processes == frozenset()


def test_a_process_that_the_cloud_does_not_have_cannot_be_suspended(
    stage: Stage, group: ServerGroup, request_: ServerGroupRequest
) -> None:
    for name in {"Sleep", *Process} - stage.cloud.processes:
        with pytest.raises(InvalidRequest, match=name) as error:
            stage.cloud.server_groups.suspend(ACCOUNT, stage.region, group.name, frozenset({name}))
        assert error.value.field == "processes"
        other = replace(request_, name="hello-main-v001", suspended_processes=frozenset({name}))
        with pytest.raises(InvalidRequest, match=name) as error:
            stage.cloud.server_groups.create(ACCOUNT, other, "token-2")
        assert error.value.field == "suspendedProcesses"
    assert stage.get(group.name).suspended_processes == frozenset()
    assert stage.names() == [group.name]


def test_a_group_created_with_add_to_load_balancer_suspended_stays_out(
    stage: Stage, request_: ServerGroupRequest
) -> None:
    stage.balancer("hello-lb")
    suspended = frozenset({Process.ADD_TO_LOAD_BALANCER.value})
    request = replace(request_, load_balancers=("hello-lb",), suspended_processes=suspended)
    stage.cloud.server_groups.create(ACCOUNT, request, "token-1")
    group = stage.until(request.name, lambda group: group.count(Health.OUT_OF_SERVICE) == 1)
    assert group.is_disabled


def test_a_destroyed_group_ends_and_frees_its_name(
    stage: Stage, group: ServerGroup, request_: ServerGroupRequest
) -> None:
    for _ in range(2):
        stage.cloud.server_groups.destroy(ACCOUNT, stage.region, group.name)
    stage.until_gone(group.name)
    stage.cloud.server_groups.destroy(ACCOUNT, stage.region, group.name)
    stage.cloud.server_groups.create(ACCOUNT, request_, "another-token")


def test_a_group_that_is_being_destroyed_cannot_be_changed(stage: Stage, group: ServerGroup) -> None:
    stage.cloud.server_groups.destroy(ACCOUNT, stage.region, group.name)
    with pytest.raises(Conflict):
        stage.cloud.server_groups.resize(ACCOUNT, stage.region, group.name, Capacity(1, 1, 1))
    assert stage.get(group.name).is_being_destroyed


def test_the_blueprint_of_a_group_makes_its_like(stage: Stage, request_: ServerGroupRequest) -> None:
    stage.balancer("hello-lb")
    request = replace(
        request_, load_balancers=("hello-lb",), environment={"GREETING": "hi"}, tags={"user": "ann"},
        health_check_grace_seconds=7,
    )  # fmt: skip
    stage.create(request)
    stage.cloud.server_groups.resize(ACCOUNT, stage.region, request.name, Capacity(0, 0, 2))
    stage.cloud.server_groups.disable(ACCOUNT, stage.region, request.name)
    blueprint = stage.cloud.server_groups.blueprint(ACCOUNT, stage.region, request.name)
    assert replace(blueprint, extra=request.extra) == replace(request, capacity=Capacity(0, 0, 2))
    with pytest.raises(NotFound):
        stage.cloud.server_groups.blueprint(ACCOUNT, stage.region, "none-v000")


# Scaling ----------------------------------------------------------------------------------------------------------

ALARM = Alarm(
    "hello-main-v000-busy",
    {
        "metricName": "CPUUtilization", "namespace": "AWS/EC2", "statistic": "Average", "period": 60, "threshold": 70.0,
        "evaluationPeriods": 2, "comparisonOperator": "GreaterThanThreshold",
        "dimensions": [{"name": "AutoScalingGroupName", "value": "hello-main-v000"}],
    },
)  # fmt: skip
ADD_ONE = {"adjustmentType": "ChangeInCapacity", "scalingAdjustment": 1, "cooldown": 60}
STEPS = {
    "adjustmentType": "PercentChangeInCapacity", "minAdjustmentMagnitude": 2, "estimatedInstanceWarmup": 30,
    "metricAggregationType": "Average",
    "stepAdjustments": [
        {"metricIntervalLowerBound": 0.0, "metricIntervalUpperBound": 20.0, "scalingAdjustment": 10},
        {"metricIntervalLowerBound": 20.0, "scalingAdjustment": 30},
    ],
}  # fmt: skip
TARGET = {
    "estimatedInstanceWarmup": 60,
    "targetTrackingConfiguration": {
        "targetValue": 50.0, "disableScaleIn": True,
        "predefinedMetricSpecification": {"predefinedMetricType": "ASGAverageCPUUtilization"},
    },
}  # fmt: skip
POLICIES = (
    ScalingPolicy("simple", PolicyKind.SIMPLE, ADD_ONE),
    ScalingPolicy("steps", PolicyKind.STEP, STEPS, (ALARM,)),
    ScalingPolicy("target", PolicyKind.TARGET, TARGET),
)
MORNING = ScheduledAction("morning", "0 9 * * 1-5", min=1, max=3, desired=2, time_zone="Europe/Berlin")
ONCE = ScheduledAction("once", desired=0, starts_at=datetime(2099, 1, 1, tzinfo=UTC))


@where_not_refused("server_groups.put_policy")
def test_scaling_policies_are_kept_changed_and_deleted(stage: Stage, group: ServerGroup) -> None:
    place = ACCOUNT, stage.region, group.name
    for policy in (*POLICIES, *POLICIES):
        stage.cloud.server_groups.put_policy(*place, policy)
    scaling = stage.get(group.name).scaling
    assert [policy.name for policy in scaling.policies] == ["simple", "steps", "target"]
    assert all(has_policy(scaling, policy) for policy in POLICIES)
    louder = replace(ALARM, settings=ALARM.settings | {"threshold": 90.0})
    stage.cloud.server_groups.put_policy(*place, replace(POLICIES[1], alarms=(louder,)))
    [_, steps, target] = stage.get(group.name).scaling.policies
    assert (steps.alarms[0].settings["threshold"], target.alarms) == (90.0, ())
    for _ in range(2):
        stage.cloud.server_groups.delete_policy(*place, "steps")
    assert [policy.name for policy in stage.get(group.name).scaling.policies] == ["simple", "target"]
    with pytest.raises(NotFound):
        stage.cloud.server_groups.put_policy(ACCOUNT, stage.region, "none-v000", POLICIES[0])


@where_not_refused("server_groups.set_schedule")
def test_the_schedule_of_a_group_is_what_was_set_last(stage: Stage, group: ServerGroup) -> None:
    place = ACCOUNT, stage.region, group.name
    for actions in ((MORNING, ONCE), (MORNING, ONCE), (replace(MORNING, desired=3),), ()):
        stage.cloud.server_groups.set_schedule(*place, actions)
        assert stage.get(group.name).scaling.actions == actions


@where_not_refused("server_groups.put_policy")
def test_a_group_is_created_with_its_scaling(stage: Stage, request_: ServerGroupRequest) -> None:
    scaling = Scaling(POLICIES, (MORNING,))
    made = stage.create(replace(request_, scaling=scaling))
    assert all(has_policy(made.scaling, policy) for policy in POLICIES)
    assert made.scaling.actions == (MORNING,)
    assert stage.cloud.server_groups.blueprint(ACCOUNT, stage.region, made.name).scaling == made.scaling


@pytest.mark.parametrize("stage", [LOCAL], indirect=True)
def test_a_cloud_without_scaling_refuses_it(stage: Stage, request_: ServerGroupRequest) -> None:
    assert not stage.cloud.has_scaling
    place = ACCOUNT, stage.region, request_.name
    for refused in (
        lambda: stage.cloud.server_groups.put_policy(*place, POLICIES[0]),
        lambda: stage.cloud.server_groups.delete_policy(*place, "simple"),
        lambda: stage.cloud.server_groups.set_schedule(*place, ()),
        lambda: stage.cloud.server_groups.create(ACCOUNT, replace(request_, scaling=Scaling(POLICIES)), "token-1"),
    ):
        with pytest.raises(InvalidRequest, match="measures nothing"):
            refused()
    assert stage.names() == []


# Instances --------------------------------------------------------------------------------------------------------


def test_an_instance_is_restarted_in_place(stage: Stage, balanced: ServerGroup) -> None:
    instance = balanced.instances[0].id
    for _ in range(2):
        stage.cloud.instances.reboot(ACCOUNT, stage.region, instance)
    assert stage.get(balanced.name).count(Health.UP) == 0
    back = stage.until(balanced.name, lambda group: group.count(Health.UP) == 1)
    assert [one.id for one in back.instances] == [instance]
    with pytest.raises(NotFound):
        stage.cloud.instances.reboot(ACCOUNT, stage.region, "i-0000000000000000")


def test_an_instance_is_taken_out_of_a_load_balancer_and_put_back(stage: Stage, balanced: ServerGroup) -> None:
    ids = (balanced.instances[0].id,)
    for _ in range(2):
        stage.cloud.instances.deregister(ACCOUNT, stage.region, "hello-lb", (*ids, "i-0000000000000000"))
    out = stage.until(balanced.name, lambda group: group.count(Health.OUT_OF_SERVICE) == 1)
    assert not out.is_disabled
    for _ in range(2):
        stage.cloud.instances.register(ACCOUNT, stage.region, "hello-lb", ids)
    stage.until(balanced.name, lambda group: group.count(Health.UP) == 1)


def test_an_instance_of_a_disabled_group_can_be_registered_by_itself(stage: Stage, balanced: ServerGroup) -> None:
    stage.cloud.server_groups.disable(ACCOUNT, stage.region, balanced.name)
    stage.until(balanced.name, lambda group: group.count(Health.OUT_OF_SERVICE) == 1)
    stage.cloud.instances.register(ACCOUNT, stage.region, "hello-lb", (balanced.instances[0].id,))
    assert stage.until(balanced.name, lambda group: group.count(Health.UP) == 1).is_disabled


def test_what_is_registered_must_exist(stage: Stage, balanced: ServerGroup) -> None:
    with pytest.raises(NotFound):
        stage.cloud.instances.register(ACCOUNT, stage.region, "hello-lb", ("i-0000000000000000",))
    with pytest.raises(InvalidRequest) as error:
        stage.cloud.instances.register(ACCOUNT, stage.region, "none", (balanced.instances[0].id,))
    assert error.value.field == "loadBalancers"


def test_an_instance_has_a_log(stage: Stage, group: ServerGroup) -> None:
    assert "listens on" in stage.cloud.instances.log(ACCOUNT, stage.region, group.instances[0].id)


def test_the_log_of_an_unknown_instance_is_not_found(stage: Stage) -> None:
    with pytest.raises(NotFound):
        stage.cloud.instances.log(ACCOUNT, stage.region, "i-0000000000000000")


def test_a_patch_is_laid_over_one_instance_which_then_serves_again(stage: Stage, request_: ServerGroupRequest) -> None:
    stage.balancer("hello-lb")
    group = stage.create(replace(request_, capacity=Capacity(0, 2, 3), load_balancers=("hello-lb",)))
    stage.upload("hello", "2.0.0")
    one, other = (instance.id for instance in group.instances)
    for _ in range(2):
        stage.cloud.instances.patch(ACCOUNT, stage.region, one, "hello", "2.0.0", "patch-1")
    patched = stage.until(group.name, lambda group: group.patches == {"hello 2.0.0": 1} and group.count(Health.UP) == 2)
    assert {instance.id: instance.patched for instance in patched.instances} == {one: {"hello": "2.0.0"}, other: {}}
    assert patched.image_id == group.image_id
    stage.cloud.instances.patch(ACCOUNT, stage.region, one, "hello", "2.0.0", "patch-1")
    stage.stays(group.name, lambda group: group.count(Health.UP) == 2)


@keeps_packages
def test_what_a_patch_names_must_exist(stage: Stage, group: ServerGroup) -> None:
    with pytest.raises(NotFound):
        stage.cloud.instances.patch(ACCOUNT, stage.region, "i-0000000000000000", "hello", "1.0.0", "patch-1")
    with pytest.raises(InvalidRequest) as error:
        stage.cloud.instances.patch(ACCOUNT, stage.region, group.instances[0].id, "hello", "9.9.9", "patch-1")
    assert error.value.field == "package"
    stage.stays(group.name, lambda group: group.count(Health.UP) == 1 and group.patches == {})


# Packages, images and bakes ---------------------------------------------------------------------------------------


@keeps_packages
def test_the_same_bytes_are_the_same_package_and_others_are_refused(stage: Stage) -> None:
    first = stage.cloud.packages.put("hello", "1.0.0", io.BytesIO(demo_package.build("1.0.0")))
    again = stage.cloud.packages.put("hello", "1.0.0", io.BytesIO(demo_package.build("1.0.0")))
    assert first == again
    assert first in stage.cloud.packages.list()
    with pytest.raises(NameTaken):
        stage.cloud.packages.put("hello", "1.0.0", io.BytesIO(demo_package.build("other")))


@keeps_packages
@pytest.mark.parametrize(("name", "version"), [("../hello", "1"), ("Hello", "1"), ("hello", "1/2"), ("hello", "-")])
def test_a_package_has_a_plain_name_and_version(stage: Stage, name: str, version: str) -> None:
    with pytest.raises(InvalidRequest):
        stage.cloud.packages.put(name, version, io.BytesIO(demo_package.build("1.0.0")))


@keeps_packages
def test_what_is_no_archive_is_refused(stage: Stage) -> None:
    with pytest.raises(InvalidRequest) as error:
        stage.cloud.packages.put("hello", "6.6.6", io.BytesIO(b"#!/bin/sh\n"))
    assert error.value.field == "archive"


def test_a_bake_gives_an_image_with_its_facts(stage: Stage, image: Image) -> None:
    assert (image.account, image.region) == (ACCOUNT, stage.region)
    assert (image.package, image.version) == ("hello", "1.0.0")
    assert image.name.startswith("hello-1.0.0-")
    assert image.tags["appversion"] == "hello-1.0.0"
    assert stage.cloud.images.get(ACCOUNT, stage.region, image.id) == image
    assert image in stage.cloud.images.list(ACCOUNT, stage.region)


def test_an_image_takes_tags_beside_those_of_its_bake(stage: Stage, image: Image) -> None:
    request = BakeRequest(stage.region, "hello", "1.0.0", base="to-tag", rebake=True)
    fresh = stage.baked(stage.cloud.images.start_bake(ACCOUNT, request, stage.token()))
    for tags in ({"stack": "test"}, {"stack": "prod", "tested": "yes"}):
        stage.cloud.images.tag(ACCOUNT, stage.region, fresh.id, tags)
    tagged = stage.cloud.images.get(ACCOUNT, stage.region, fresh.id)
    assert tagged.tags == fresh.tags | {"stack": "prod", "tested": "yes"}
    with pytest.raises(InvalidRequest) as error:
        stage.cloud.images.tag(ACCOUNT, stage.region, fresh.id, {"appversion": "other-9"})
    assert error.value.field == "tags"
    with pytest.raises(NotFound):
        stage.cloud.images.tag(ACCOUNT, stage.region, "img-000000000000", {"stack": "test"})


def test_one_token_is_one_bake(stage: Stage, image: Image) -> None:
    request = BakeRequest(stage.region, "hello", "1.0.0", base="one-token", rebake=True)
    first = stage.cloud.images.start_bake(ACCOUNT, request, "bake-twice")
    assert stage.cloud.images.start_bake(ACCOUNT, request, "bake-twice").id == first.id


def test_an_equal_bake_gives_the_image_that_is_there(stage: Stage, image: Image) -> None:
    bake = stage.cloud.images.start_bake(ACCOUNT, BakeRequest(stage.region, "hello", "1.0.0"), "a-later-token")
    assert bake.state is BakeState.COMPLETED
    assert bake.previously_baked
    assert bake.image == image


def test_a_rebake_bakes_again(stage: Stage, image: Image) -> None:
    bake = stage.cloud.images.start_bake(
        ACCOUNT, BakeRequest(stage.region, "hello", "1.0.0", rebake=True), stage.token()
    )
    assert not bake.previously_baked
    assert stage.baked(bake).package == "hello"


@keeps_packages
def test_a_bake_of_an_unknown_package_is_refused(stage: Stage) -> None:
    with pytest.raises(InvalidRequest) as error:
        stage.cloud.images.start_bake(ACCOUNT, BakeRequest(stage.region, "hello", "9.9.9"), "token")
    assert error.value.field == "package"


def test_an_unknown_image_and_an_unknown_bake_are_not_found(stage: Stage) -> None:
    with pytest.raises(NotFound):
        stage.cloud.images.get(ACCOUNT, stage.region, "img-000000000000")
    with pytest.raises(NotFound):
        stage.cloud.images.bake(ACCOUNT, stage.region, "bake-000000000000")


# Load balancers ---------------------------------------------------------------------------------------------------


def test_a_load_balancer_keeps_the_port_it_was_given(stage: Stage) -> None:
    made = stage.balancer("hello-lb")
    assert made.listener.port > 0
    assert made.address.endswith(f":{made.listener.port}")
    changed = stage.balancer("hello-lb", HealthCheck(path="/version", interval=2))
    assert changed.listener == made.listener
    assert changed.created_at == made.created_at
    assert stage.cloud.load_balancers.get(ACCOUNT, stage.region, "hello-lb").health_check.path == "/version"
    assert [balancer.name for balancer in stage.cloud.load_balancers.list(ACCOUNT, stage.region)] == ["hello-lb"]


def test_listeners_come_and_go_and_the_others_stay(stage: Stage) -> None:
    request = LoadBalancerRequest(stage.region, "hello-lb", Listener(18_080), more_listeners=(Listener(18_081),))
    made = stage.cloud.load_balancers.upsert(ACCOUNT, request)
    assert {listener.port for listener in made.listeners} == {18_080, 18_081}
    for ports in ((18_081, 18_082), (18_082,)):
        first, *more = map(Listener, ports)
        changed = stage.cloud.load_balancers.upsert(
            ACCOUNT, replace(request, listener=first, more_listeners=tuple(more))
        )
        assert {listener.port for listener in changed.listeners} == set(ports)
    assert stage.cloud.load_balancers.get(ACCOUNT, stage.region, "hello-lb") == changed


@pytest.mark.parametrize("more", [Listener(0), Listener(8080), Listener(8081, "TCP")])
def test_listeners_that_cannot_be_together_cannot_even_be_said(more: Listener) -> None:
    with pytest.raises(InvalidValue) as error:
        LoadBalancerRequest(REGION, "hello-lb", Listener(8080), more_listeners=(more,))
    assert error.value.field == "listeners"


def test_a_load_balancer_serves_the_zones_it_is_given(stage: Stage, request_: ServerGroupRequest) -> None:
    first, second, third, *_ = stage.cloud.zones(ACCOUNT, stage.region)
    made = stage.balancer("hello-lb")
    assert {first, second, third} <= set(made.zones)
    asked = {"availabilityZones": {stage.region: [first, second]}}
    request = replace(request_, capacity=Capacity(0, 2, 3), load_balancers=("hello-lb",), extra=asked)
    group = stage.create(request)
    some = LoadBalancerRequest(stage.region, "hello-lb", made.listener, HEALTH_CHECK, zones=(second, third))
    assert stage.cloud.load_balancers.upsert(ACCOUNT, some).zones == (second, third)
    out = stage.until(group.name, lambda group: group.count(Health.OUT_OF_SERVICE) == 1)
    assert {instance.zone: instance.health for instance in out.instances}[second] is Health.UP
    assert stage.balancer("hello-lb").zones == (second, third)
    stage.cloud.load_balancers.upsert(ACCOUNT, replace(some, zones=(first, second)))
    stage.until(group.name, lambda group: group.count(Health.UP) == 2)
    with pytest.raises(InvalidRequest) as error:
        stage.cloud.load_balancers.upsert(ACCOUNT, replace(some, zones=("nowhere",)))
    assert error.value.field == "availabilityZones"


@one_address
def test_a_port_in_use_is_refused(stage: Stage) -> None:
    port = stage.balancer("hello-lb").listener.port
    other = LoadBalancerRequest(stage.region, "other-lb", Listener(port))
    for request in (other, replace(other, listener=Listener(0), more_listeners=(Listener(port),))):
        with pytest.raises(InvalidRequest) as error:
            stage.cloud.load_balancers.upsert(ACCOUNT, request)
        assert error.value.field == "listener.port"


def test_a_load_balancer_needs_security_groups_that_exist(stage: Stage) -> None:
    request = LoadBalancerRequest(stage.region, "hello-lb", Listener(0), security_groups=("none",))
    with pytest.raises(InvalidRequest) as error:
        stage.cloud.load_balancers.upsert(ACCOUNT, request)
    assert error.value.field == "securityGroups"


def test_a_load_balancer_in_use_cannot_be_deleted(stage: Stage, balanced: ServerGroup) -> None:
    with pytest.raises(Conflict, match=f"hello-lb is used by server group {balanced.name}"):
        stage.cloud.load_balancers.delete(ACCOUNT, stage.region, "hello-lb")
    stage.cloud.server_groups.destroy(ACCOUNT, stage.region, balanced.name)
    stage.until_gone(balanced.name)
    for _ in range(2):
        stage.cloud.load_balancers.delete(ACCOUNT, stage.region, "hello-lb")
    with pytest.raises(NotFound):
        stage.cloud.load_balancers.get(ACCOUNT, stage.region, "hello-lb")


# Security groups --------------------------------------------------------------------------------------------------


def test_a_security_group_is_kept_with_its_rules(stage: Stage) -> None:
    rules = (Rule("127.0.0.0/8", 1, 65535), Rule("10.1.0.0/16", 80, 80, "all"))
    made = stage.cloud.security_groups.upsert(ACCOUNT, stage.region, "web", rules, "who may come in")
    assert (made.name, made.rules, made.description) == ("web", rules, "who may come in")
    changed = stage.cloud.security_groups.upsert(ACCOUNT, stage.region, "web", rules[:1])
    assert changed.id == made.id
    assert stage.firewalls() == [changed]


def test_a_security_group_in_use_cannot_be_deleted(stage: Stage, request_: ServerGroupRequest) -> None:
    stage.cloud.security_groups.upsert(ACCOUNT, stage.region, "web", ())
    stage.cloud.server_groups.create(ACCOUNT, replace(request_, security_groups=("web",)), "token-1")
    for name in ("hello-lb", "hello-second"):
        stage.balancer(name, security_groups=("web",))
    names = f"server group {request_.name}, load balancer hello-lb, load balancer hello-second"
    with pytest.raises(Conflict, match=f"security group web is used by {names}"):
        stage.cloud.security_groups.delete(ACCOUNT, stage.region, "web")
    for name in ("hello-lb", "hello-second"):
        stage.balancer(name)
    with pytest.raises(Conflict, match=f"web is used by server group {request_.name}$"):
        stage.cloud.security_groups.delete(ACCOUNT, stage.region, "web")
    stage.cloud.server_groups.destroy(ACCOUNT, stage.region, request_.name)
    stage.until_gone(request_.name)
    for _ in range(2):
        stage.cloud.security_groups.delete(ACCOUNT, stage.region, "web")
    assert stage.firewalls() == []
