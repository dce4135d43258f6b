"""Capacities are written min/desired/max."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.core.resizing import Action, Resize, resized
from clusters.core.values import Capacity, InvalidValue


def capacity(text: str) -> Capacity:
    return Capacity(*map(int, text.split("/")))


def exact(minimum: int | None = None, desired: int | None = None, maximum: int | None = None, **more: object) -> Resize:
    return Resize(Action.SCALE_EXACT, minimum, desired, maximum, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("current", "resize", "expected"),
    [
        ("1/1/1", exact(0, 0, 0), "0/0/0"),
        ("1/1/1", exact(), "1/1/1"),
        ("1/1/1", exact(minimum=0), "0/1/1"),
        ("1/1/1", exact(maximum=0), "0/0/0"),
        ("1/1/1", exact(maximum=2), "1/1/2"),
        ("1/1/1", exact(minimum=2), "2/2/2"),
        ("0/2/2", exact(desired=1), "0/1/2"),
        ("0/2/2", exact(minimum=1, desired=1), "1/1/2"),
        ("2/4/8", exact(scale_pct=50), "2/2/8"),
        ("2/4/8", exact(scale_pct=10), "1/1/8"),
        ("2/4/8", exact(scale_pct=300), "2/12/12"),
        ("2/4/8", exact(scale_pct=0), "0/0/8"),
        ("2/4/8", exact(pin_capacity=True), "4/4/4"),
        ("2/4/8", exact(pin_minimum=True), "4/4/8"),
        ("4/4/8", exact(unpin_minimum=2), "2/4/8"),
        ("2/4/8", exact(unpin_minimum=3), "2/4/8"),
        ("100/100/100", Resize(Action.SCALE_UP, scale_pct=7), "107/107/107"),
        ("2/4/7", Resize(Action.SCALE_UP, scale_pct=50), "3/6/11"),
        ("2/4/7", Resize(Action.SCALE_DOWN, scale_pct=50), "1/2/3"),
        ("2/4/7", Resize(Action.SCALE_UP, scale_num=2), "4/6/9"),
        ("2/4/7", Resize(Action.SCALE_DOWN, scale_num=3), "0/1/4"),
        ("2/4/7", Resize(Action.SCALE_DOWN, scale_pct=200), "0/0/0"),
        ("2/4/7", Resize(Action.SCALE_UP), "2/4/7"),
    ],
)
def test_a_resize_starts_from_the_current_capacity(current: str, resize: Resize, expected: str) -> None:
    assert resized(capacity(current), resize) == capacity(expected)


@pytest.mark.parametrize(
    ("resize", "expected"),
    [
        (Resize(Action.SCALE_TO_SERVER_GROUP), "1/3/9"),
        (Resize(Action.SCALE_TO_SERVER_GROUP, scale_pct=50, pin_capacity=True), "2/2/2"),
        (Resize(Action.SCALE_TO_SERVER_GROUP, scale_pct=100), "1/3/9"),
        (Resize(Action.SCALE_TO_SERVER_GROUP, pin_minimum=True), "3/3/9"),
    ],
)
def test_a_resize_may_start_from_another_server_group(resize: Resize, expected: str) -> None:
    assert resized(capacity("0/0/0"), resize, source=capacity("1/3/9")) == capacity(expected)


@pytest.mark.parametrize(
    ("resize", "expected"),
    [
        (Resize(Action.SCALE_TO_CLUSTER), "2/5/9"),
        (Resize(Action.SCALE_TO_CLUSTER, scale_pct=50), "2/8/9"),
        (Resize(Action.SCALE_TO_CLUSTER, scale_num=1), "2/6/9"),
        (Resize(Action.SCALE_TO_CLUSTER, scale_num=50), "2/9/9"),
    ],
)
def test_a_resize_to_the_cluster_takes_the_largest_of_each(resize: Resize, expected: str) -> None:
    cluster = [capacity("2/2/9"), capacity("0/5/6")]
    assert resized(capacity("0/0/0"), resize, cluster=cluster) == capacity(expected)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: resized(capacity("1/1/1"), exact(desired=5)), "capacity"),
        (lambda: resized(capacity("1/1/1"), Resize(Action.SCALE_TO_CLUSTER)), "cluster"),
        (lambda: resized(capacity("1/1/1"), Resize(Action.SCALE_TO_SERVER_GROUP)), "source"),
        (lambda: Resize(Action.SCALE_UP, scale_pct=-1), "scalePct"),
        (lambda: Resize(Action.SCALE_UP, scale_num=-1), "scaleNum"),
    ],
)
def test_what_cannot_be_meant_names_its_field(make: object, field: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        make()  # type: ignore[operator]
    assert caught.value.field == field


sizes = st.lists(st.integers(0, 50), min_size=3, max_size=3).map(lambda numbers: Capacity(*sorted(numbers)))
percentages = st.none() | st.integers(0, 300) | st.floats(0, 300)


@given(sizes, sizes, st.sampled_from(Action), percentages, st.none() | st.integers(0, 60), st.booleans())
def test_every_resize_without_exact_numbers_holds_together(
    current: Capacity, other: Capacity, action: Action, pct: float | None, num: int | None, pin: bool
) -> None:
    resize = Resize(action, scale_pct=pct, scale_num=num, pin_capacity=pin)
    result = resized(current, resize, source=other, cluster=[current, other])
    assert 0 <= result.min <= result.desired <= result.max
