"""The arithmetic of resizing a server group: from what is there and what is asked to one absolute capacity."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from clusters.core.values import Capacity, InvalidValue


class Action(StrEnum):
    SCALE_EXACT = "scale_exact"
    SCALE_UP = "scale_up"
    SCALE_DOWN = "scale_down"
    SCALE_TO_CLUSTER = "scale_to_cluster"
    SCALE_TO_SERVER_GROUP = "scale_to_server_group"


@dataclass(frozen=True, slots=True)
class Resize:
    """What is asked. Percentages are of the capacity the action starts from: 50 is half.

    `minimum`, `desired`, `maximum` belong to scale_exact; what is missing comes from the current capacity.
    `unpin_minimum` is the minimum a group had before it was pinned.
    """

    action: Action
    minimum: int | None = None
    desired: int | None = None
    maximum: int | None = None
    scale_pct: float | None = None
    scale_num: int | None = None
    pin_capacity: bool = False
    pin_minimum: bool = False
    unpin_minimum: int | None = None

    def __post_init__(self) -> None:
        for field, value in (("scalePct", self.scale_pct), ("scaleNum", self.scale_num)):
            if value is not None and value < 0:
                raise InvalidValue(field, f"{value} is below 0")


def resized(
    current: Capacity, resize: Resize, *, source: Capacity | None = None, cluster: Collection[Capacity] = ()
) -> Capacity:
    """The capacity to set. `source` is needed by scale_to_server_group, `cluster` by scale_to_cluster.

    Raises InvalidValue when one of these is missing or what is asked does not hold together.
    """
    match resize.action:
        case Action.SCALE_EXACT:
            asked = _scaled(_exact(current, resize), resize.scale_pct)
        case Action.SCALE_UP:
            asked = _moved(current, resize, +1)
        case Action.SCALE_DOWN:
            asked = _moved(current, resize, -1)
        case Action.SCALE_TO_CLUSTER:
            asked = _largest(cluster, resize)
        case Action.SCALE_TO_SERVER_GROUP:
            if source is None:
                raise InvalidValue("source", "is needed to scale to a server group")
            asked = _scaled(source, resize.scale_pct)
    return _pinned(asked, resize)


def _exact(current: Capacity, resize: Resize) -> Capacity:
    minimum = current.min if resize.minimum is None else resize.minimum
    if resize.maximum is None:
        maximum = max(minimum, current.max)
    else:
        maximum = resize.maximum
        minimum = min(minimum, maximum)
    if resize.desired is None:
        return Capacity(minimum, min(max(current.desired, minimum), maximum), maximum)
    return Capacity(minimum, resize.desired, maximum)


def _scaled(capacity: Capacity, percentage: float | None) -> Capacity:
    """Only desired is scaled; the bounds give way where it leaves them."""
    if percentage is None:
        return capacity
    desired = _share(capacity.desired, percentage)
    return Capacity(min(capacity.min, desired), desired, max(capacity.max, desired))


def _moved(current: Capacity, resize: Resize, sign: int) -> Capacity:
    def moved(size: int) -> int:
        step = _share(size, resize.scale_pct) if resize.scale_pct else resize.scale_num or 0
        return max(0, size + sign * step)

    return Capacity(moved(current.min), moved(current.desired), moved(current.max))


def _largest(cluster: Collection[Capacity], resize: Resize) -> Capacity:
    if not cluster:
        raise InvalidValue("cluster", "has no server group to scale to")
    minimum, desired, maximum = (
        max(getattr(capacity, part) for capacity in cluster) for part in ("min", "desired", "max")
    )
    more = _share(desired, resize.scale_pct) if resize.scale_pct else resize.scale_num or 0
    return Capacity(minimum, min(desired + more, maximum), maximum)


def _pinned(capacity: Capacity, resize: Resize) -> Capacity:
    minimum, desired, maximum = capacity.min, capacity.desired, capacity.max
    if resize.unpin_minimum is not None:
        minimum = min(minimum, resize.unpin_minimum)  # a minimum is only ever let go, not raised
    if resize.pin_capacity:
        return Capacity(desired, desired, desired)
    return Capacity(desired if resize.pin_minimum else minimum, desired, maximum)


def _share(size: int, percentage: float) -> int:
    """Rounded up, in exact arithmetic: 7 % of 100 is 7, not 8."""
    return math.ceil(Fraction(str(percentage)) * size / 100)
