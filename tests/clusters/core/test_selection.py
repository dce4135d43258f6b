"""Selections as Orca makes them; groups are written "v007 up 3" (number, state, instances), newest last."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.core import selection
from clusters.core.values import DISABLED_PROCESSES, Capacity, Health, Instance, InvalidValue, ServerGroup

START = datetime(2025, 1, 1, tzinfo=UTC)


def group(number: int, text: str) -> ServerGroup:
    name, state, *count = text.split()
    size = int(count[0]) if count else 1
    health = Health.UP if state in ("up", "leftover") else Health.DOWN
    return ServerGroup(
        account="main",
        region="local",
        name=f"shop-{name}",
        capacity=Capacity(0, size, size),
        image_id="i",
        image_name="i",
        created_at=START + timedelta(minutes=number),
        instances=tuple(Instance(f"{name}-{n}", health) for n in range(size)),
        load_balancers=("web",),
        suspended_processes=DISABLED_PROCESSES if state in ("disabled", "leftover") else frozenset(),
    )


def cluster(text: str) -> list[ServerGroup]:
    return [group(number, line.strip()) for number, line in enumerate(text.split(",")) if line.strip()]


def short(names: list[str]) -> str:
    return " ".join(name.removeprefix("shop-") for name in names)


def protected(names: str) -> set[str]:
    return {f"shop-{name}" for name in names.split()}


@pytest.mark.parametrize(("percentage", "count"), [(1, 1), (50, 2), (51, 3), (75, 3), (99, 4), (100, 4)])
def test_a_share_is_rounded_up(percentage: int, count: int) -> None:
    assert len(selection.share_of(group(0, "v001 up 4"), percentage)) == count


def test_a_larger_share_adds_to_the_smaller_one_and_what_is_ill_goes_before_what_serves() -> None:
    healths = (Health.UP, Health.UP, Health.DOWN, Health.UP)
    seen = group(0, "v001 up 4")
    hours = (3, 1, 2, 0)
    instances = tuple(
        replace(one, health=health, launched_at=START + timedelta(hours=hour))
        for one, health, hour in zip(seen.instances, healths, hours, strict=True)
    )
    seen = replace(seen, instances=instances)
    assert selection.share_of(seen, 50) == ["v001-2", "v001-3"]
    out = {"v001-2", "v001-3"}
    later = tuple(replace(one, health=Health.OUT_OF_SERVICE) if one.id in out else one for one in seen.instances)
    assert selection.share_of(replace(seen, instances=later), 75) == ["v001-3", "v001-2", "v001-1"]
    assert selection.share_of(replace(seen, instances=()), 50) == []


@pytest.mark.parametrize(
    ("groups", "target", "expected"),
    [
        ("v001 up, v002 up, v003 up", "current_asg_dynamic", "v003"),
        ("v001 up, v002 up, v003 up", "ancestor_asg_dynamic", "v002"),
        ("v001 up, v002 up, v003 up", "oldest_asg_dynamic", "v001"),
        ("v999 up, v000 up", "current_asg_dynamic", "v000"),
        ("v001 up, v002 up", "current_asg", "v002"),
        ("v001 up, v002 up", "ancestor_asg", "v001"),
        ("v001 up", "current_asg_dynamic", "v001"),
        ("v001 up", "ancestor_asg_dynamic", None),
        ("v001 up", "oldest_asg_dynamic", None),
        ("", "current_asg_dynamic", None),
    ],
)
def test_a_target_goes_by_the_time_of_creation(groups: str, target: str, expected: str | None) -> None:
    found = selection.target(cluster(groups), target)
    assert (found and found.name) == (expected and f"shop-{expected}")


def test_a_word_that_is_no_target_is_refused() -> None:
    with pytest.raises(InvalidValue, match="target"):
        selection.target([], "newest")


@pytest.mark.parametrize(
    ("groups", "deployed", "options", "expected"),
    [
        # the worked example: v006 is disabled, v007 serves, v008 was just deployed
        ("v006 disabled, v007 up, v008 up", "v008", {"shrink_to": 2}, "v006"),
        ("v007 up, v008 up", "v008", {"shrink_to": 2}, ""),
        ("v006 disabled, v007 disabled, v008 up", "v008", {"shrink_to": 2}, "v006"),
        ("v006 disabled, v007 disabled, v008 up", "v008", {"shrink_to": 1}, "v007 v006"),
        ("v006 up, v007 up, v008 up", "v008", {"shrink_to": 1, "allow_delete_active": True}, "v007 v006"),
        ("v006 up, v007 disabled, v008 up", "v008", {"shrink_to": 2, "allow_delete_active": True}, "v007"),
        ("v006 up, v007 up, v008 up", "v007", {"shrink_to": 0, "allow_delete_active": True}, "v006"),
        ("v006 up, v007 up", "", {"shrink_to": 1}, ""),
        ("v006 leftover, v007 up", "", {"shrink_to": 1}, ""),
        ("v006 disabled 5, v007 disabled 1, v008 up", "", {"shrink_to": 2}, "v006"),
        ("v006 disabled 5, v007 disabled 1, v008 up", "", {"shrink_to": 2, "retain_larger": True}, "v007"),
        ("v006 up", "v001", {"shrink_to": 0, "allow_delete_active": True}, "v006"),
        ("", "", {"shrink_to": 1}, ""),
    ],
)
def test_shrinking_keeps_what_is_active_protected_and_newer(
    groups: str, deployed: str, options: dict, expected: str
) -> None:
    assert short(selection.to_shrink(cluster(groups), protected(deployed), **options)) == expected


@pytest.mark.parametrize(
    ("groups", "deployed", "options", "expected"),
    [
        ("v006 disabled, v007 up, v008 up", "v008", {}, "v007"),
        ("v006 up, v007 up, v008 up", "v008", {}, "v007 v006"),
        ("v006 up, v007 up, v008 up", "v008", {"remaining": 2}, "v006"),
        ("v006 up, v007 up, v008 up", "", {}, "v007 v006"),
        ("v006 up, v007 up, v008 disabled", "", {}, "v006"),
        ("v006 leftover, v007 up", "", {}, "v006"),
        ("v006 up 5, v007 up 2", "", {"prefer_larger": True}, "v007"),
        ("v006 up, v007 up, v008 up", "v007", {}, "v006"),
        ("v006 disabled", "", {"remaining": 0}, ""),
    ],
)
def test_disabling_a_cluster_keeps_the_newest_active(groups: str, deployed: str, options: dict, expected: str) -> None:
    assert short(selection.to_disable(cluster(groups), protected(deployed), **options)) == expected


@pytest.mark.parametrize(
    ("groups", "deployed", "options", "expected"),
    [
        ("v006 disabled, v007 disabled, v008 up", "v008", {}, "v007 v006"),
        ("v006 up, v007 up, v008 up", "v008", {}, ""),
        ("v006 up, v007 up, v008 up", "v008", {"allow_active": True}, "v007 v006"),
        ("v006 disabled, v007 up, v008 up", "v008", {"remaining": 2}, "v006"),
        ("v006 disabled, v007 up, v008 up", "v008", {"remaining": 3, "allow_active": True}, ""),
        ("v006 disabled 4, v007 disabled 1", "", {"prefer_larger": True}, "v007"),
    ],
)
def test_scaling_down_takes_what_is_no_longer_active(groups: str, deployed: str, options: dict, expected: str) -> None:
    assert short(selection.to_scale_down(cluster(groups), protected(deployed), **options)) == expected


states = st.sampled_from(["up", "down", "disabled", "leftover"])
clusters = st.lists(st.tuples(states, st.integers(0, 3)), max_size=8).map(
    lambda rows: [group(n, f"v{n:03d} {state} {size}") for n, (state, size) in enumerate(rows)]
)


@given(clusters, st.integers(0, 8), st.integers(0, 4), st.booleans(), st.booleans())
def test_what_was_deployed_and_what_is_newer_is_never_acted_on(
    groups: list[ServerGroup], deployed: int, remaining: int, active: bool, larger: bool
) -> None:
    names = {f"shop-v{deployed:03d}"} & {group.name for group in groups}
    chosen = {
        *selection.to_shrink(groups, names, shrink_to=remaining, allow_delete_active=active, retain_larger=larger),
        *selection.to_disable(groups, names, remaining=remaining, prefer_larger=larger),
        *selection.to_scale_down(groups, names, remaining=remaining, allow_active=active, prefer_larger=larger),
    }
    if names:
        assert all(name < f"shop-v{deployed:03d}" for name in chosen)


@given(clusters, st.integers(0, 4), st.booleans())
def test_shrinking_a_whole_cluster_leaves_exactly_the_wanted_number(
    groups: list[ServerGroup], size: int, larger: bool
) -> None:
    destroyed = selection.to_shrink(groups, set(), shrink_to=size, allow_delete_active=True, retain_larger=larger)
    assert len(groups) - len(destroyed) == min(size, len(groups))
    kept = [g for g in groups if g.name not in destroyed]
    assert not any(selection.is_active(g) for g in groups if g.name in destroyed) or all(map(selection.is_active, kept))


@given(clusters, st.integers(0, 4))
def test_shrinking_without_leave_never_destroys_what_is_active(groups: list[ServerGroup], size: int) -> None:
    destroyed = selection.to_shrink(groups, set(), shrink_to=size)
    assert not any(selection.is_active(g) for g in groups if g.name in destroyed)


def test_what_is_disabled_without_a_load_balancer_is_not_active_however_well_it_is() -> None:
    leftover = group(0, "v006 leftover")
    assert selection.is_active(leftover)
    assert not selection.is_active(replace(leftover, load_balancers=()))
