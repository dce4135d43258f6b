"""Which clusters a traffic guard means, and what an effect leaves of one."""

from dataclasses import replace

import pytest

from clusters.core import guarding, naming
from clusters.core.guarding import Guard
from clusters.core.values import DISABLED_PROCESSES, Health, InvalidValue, ServerGroup
from tests.clusters.core.test_selection import group


@pytest.mark.parametrize(
    ("guard", "is_covered"),
    [
        (Guard("prod", "west", "web", "api"), True),
        (Guard("*", "*", "*", "*"), True),
        (Guard("prod", "west", "web"), False),
        (Guard("prod", "west", "*", "a"), False),
        (Guard("test", "west", "web", "api"), False),
        (Guard("prod", "east", "web", "api"), False),
        (Guard("*", "*", "*", "*", is_enabled=False), False),
    ],
)
def test_each_part_is_equal_or_a_star(guard: Guard, is_covered: bool) -> None:
    assert guard.covers("prod", "west", naming.parse_or_raise("shop-web-api-v003")) == is_covered


def test_an_empty_stack_or_detail_means_clusters_without_one() -> None:
    plain = Guard("prod", "west")
    assert plain.covers("prod", "west", naming.parse_or_raise("shop-v000"))
    assert not plain.covers("prod", "west", naming.parse_or_raise("shop-web-v000"))


def test_the_attribute_is_read_as_spinnaker_writes_it() -> None:
    item = {"account": "prod", "location": "*", "stack": "web", "detail": None, "baseline": 1}
    (guard,) = guarding.read([item, item])
    assert guard == Guard("prod", "*", "web", "")
    assert guarding.read([guard.as_json() | {"enabled": False}]) == (replace(guard, is_enabled=False),)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({}, "trafficGuards"),
        (["all"], "trafficGuards[0]"),
        ([{"location": "*"}], "trafficGuards[0].account"),
        ([{"account": "*", "location": ""}], "trafficGuards[0].location"),
        ([{"account": "*", "location": "*", "stack": "a b"}], "trafficGuards[0].stack"),
        ([{"account": "*", "location": "*", "enabled": "yes"}], "trafficGuards[0].enabled"),
    ],
)
def test_what_cannot_be_read_names_its_path(value: object, field: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        guarding.read(value)
    assert caught.value.field == field


def left(*groups: ServerGroup, lost: set[str] = frozenset(), instances: set[str] = frozenset()) -> tuple[dict, bool]:
    return guarding.carrying(groups, lost, instances), guarding.up_without(groups, lost, instances)


OLD, NEW = group(0, "v000 up 2"), group(1, "v001 up 1")
OFF = replace(OLD, suspended_processes=DISABLED_PROCESSES, load_balancers=())


def test_what_carries_traffic_is_lost_and_what_is_up_elsewhere_is_left() -> None:
    assert left(OLD, NEW, lost={"shop-v000"}) == ({"shop-v000": 2}, True)
    assert left(OLD, NEW, lost={"shop-v000", "shop-v001"}) == ({"shop-v000": 2, "shop-v001": 1}, False)
    assert left(OLD, lost={"shop-v000"}) == ({"shop-v000": 2}, False)
    assert left(OFF, lost={"shop-v000"}) == ({}, False), "out of traffic already"
    assert left(OFF, NEW, lost={"shop-v001"}) == ({"shop-v001": 1}, False), "a disabled one carries nothing"
    ill = replace(NEW, instances=tuple(replace(one, health=Health.DOWN) for one in NEW.instances))
    assert left(ill, lost={"shop-v001"}) == ({}, False), "one that is ill carries nothing"
    assert left(ill, OLD, lost={"shop-v000"}) == ({"shop-v000": 2}, False)


def test_one_suspended_by_hand_that_still_is_up_behind_its_load_balancer_is_lost() -> None:
    assert left(replace(OLD, suspended_processes=DISABLED_PROCESSES), lost={"shop-v000"}) == ({"shop-v000": 2}, False)


def test_the_last_instance_is_lost_like_its_group() -> None:
    first, second = (one.id for one in OLD.instances)
    assert left(OLD, instances={first}) == ({"shop-v000": 1}, True)
    assert left(OLD, instances={first, second}) == ({"shop-v000": 2}, False)
    assert left(replace(OLD, is_being_destroyed=True), lost={"shop-v000"}) == ({}, False)
