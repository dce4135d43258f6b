"""Which server groups of a cluster a target or a cluster-wide stage means; all lists are of one account and region.

Active: not disabled, or with an instance behind a load balancer that is Up. Protected: what ancestors of the stage just
deployed; it and whatever is newer is never acted on, but counts towards what remains.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from datetime import datetime
from fractions import Fraction

from clusters.core.values import Health, Instance, InvalidValue, ServerGroup

Groups = Sequence[ServerGroup]

#: Places in the newest-first order; the words without _dynamic are their deprecated twins, bound at plan time.
TARGETS = {
    "current_asg_dynamic": 0,
    "ancestor_asg_dynamic": 1,
    "oldest_asg_dynamic": -1,
    "current_asg": 0,
    "ancestor_asg": 1,
    "oldest_asg": -1,
}


def newest_first(groups: Groups) -> list[ServerGroup]:
    return sorted(groups, key=_age, reverse=True)


def target(groups: Groups, name: str) -> ServerGroup | None:
    """The server group the target word means; None when the cluster has none such (oldest and ancestor need two).

    Raises InvalidValue for a word that is no target.
    """
    if name not in TARGETS:
        raise InvalidValue("target", f"{name!r} is not one of {', '.join(TARGETS)}")
    place = TARGETS[name]
    needed = 1 if place == 0 else 2
    return newest_first(groups)[place] if len(groups) >= needed else None


def is_active(group: ServerGroup) -> bool:
    """Without a load balancer no instance of a disabled server group can get traffic, however well it is."""
    return not group.is_disabled or (bool(group.load_balancers) and group.count(Health.UP) > 0)


def to_shrink(
    groups: Groups,
    protected: Collection[str],
    *,
    shrink_to: int = 1,
    allow_delete_active: bool = False,
    retain_larger: bool = False,
) -> list[str]:
    """Names that shrinkCluster destroys, what it would rather keep first."""
    return _surplus(groups, protected, shrink_to, may_be_active=allow_delete_active, prefer_larger=retain_larger)


def to_scale_down(
    groups: Groups,
    protected: Collection[str],
    *,
    remaining: int = 1,
    allow_active: bool = False,
    prefer_larger: bool = False,
) -> list[str]:
    """Names that scaleDownCluster resizes to 0/0/0, what it would rather keep first."""
    return _surplus(groups, protected, remaining, may_be_active=allow_active, prefer_larger=prefer_larger)


def to_disable(
    groups: Groups, protected: Collection[str], *, remaining: int = 1, prefer_larger: bool = False
) -> list[str]:
    """Names of the active server groups that disableCluster disables, keeping the newest (or largest) `remaining`."""
    candidates = _unprotected(groups, protected)
    kept = max(0, remaining - (len(groups) - len(candidates)))
    active = [group for group in candidates if is_active(group)]
    return _names(_in_order(active, prefer_larger=prefer_larger)[kept:])


def share_of(group: ServerGroup, percentage: int) -> list[str]:
    """Ids of the instances to take out of traffic so that `percentage` percent, rounded up, are out.

    First counted are those that are out already, then those that are ill, then the oldest: asking for a larger share
    later adds to the smaller one.
    """
    count = math.ceil(Fraction(percentage) * len(group.instances) / 100)

    def worth(instance: Instance) -> tuple[int, datetime, str]:
        is_out = instance.health in (Health.OUT_OF_SERVICE, Health.DRAINING)
        rank = 0 if is_out else 2 if instance.health is Health.UP else 1
        return rank, instance.launched_at or group.created_at, instance.id

    return [instance.id for instance in sorted(group.instances, key=worth)[:count]]


def _surplus(
    groups: Groups, protected: Collection[str], remaining: int, *, may_be_active: bool, prefer_larger: bool
) -> list[str]:
    candidates = [group for group in _unprotected(groups, protected) if may_be_active or not is_active(group)]
    kept = max(0, remaining - (len(groups) - len(candidates)))
    return _names(_in_order(candidates, active_first=may_be_active, prefer_larger=prefer_larger)[kept:])


def _unprotected(groups: Groups, protected: Collection[str]) -> list[ServerGroup]:
    deployed = [group.created_at for group in groups if group.name in protected]
    if not deployed:
        return list(groups)
    first = min(deployed)
    return [group for group in groups if group.created_at <= first and group.name not in protected]


def _in_order(groups: Groups, *, active_first: bool = False, prefer_larger: bool = False) -> list[ServerGroup]:
    """What to keep first: active ones, larger ones, newer ones."""

    def worth(group: ServerGroup) -> tuple[bool, int, datetime, str]:
        return active_first and is_active(group), prefer_larger * len(group.instances), *_age(group)

    return sorted(groups, key=worth, reverse=True)


def _age(group: ServerGroup) -> tuple[datetime, str]:
    return group.created_at, group.name


def _names(groups: Groups) -> list[str]:
    return [group.name for group in groups]
