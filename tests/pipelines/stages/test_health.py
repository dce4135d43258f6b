"""Which instances count, and how many are needed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clusters.core.values import DISABLED_PROCESSES, Capacity, Health, HealthReport, Instance, ServerGroup, sum_up
from pipelines.stages.parts import health

UP, DOWN, STARTING, OUT = Health.UP, Health.DOWN, Health.STARTING, Health.OUT_OF_SERVICE


def instance(name: str, platform: Health, traffic: Health | None = None, reason: str = "") -> Instance:
    reports = [HealthReport("Platform", platform)]
    if traffic:
        reports.append(HealthReport("LoadBalancer", traffic, reason))
    return Instance(name, sum_up(tuple(reports)), tuple(reports))


def group(*instances: Instance, is_disabled: bool = False) -> ServerGroup:
    return ServerGroup(
        account="main",
        region="local",
        name="shop-v001",
        capacity=Capacity(0, len(instances), 9),
        image_id="i",
        image_name="i",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        instances=instances,
        suspended_processes=DISABLED_PROCESSES if is_disabled else frozenset(),
    )


@pytest.mark.parametrize(
    ("desired", "percentage", "expected"),
    [(4, 100, 4), (4, 50, 2), (5, 50, 3), (3, 1, 1), (3, 0, 0), (0, 100, 0), (10, 95, 10), (10, 94, 9)],
)
def test_what_is_needed_is_rounded_but_at_least_one(desired: int, percentage: float, expected: int):
    assert health.needed(desired, percentage) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [(None, 1), (("LoadBalancer",), 1), (("Platform",), 3), (("Amazon",), 3), (("Amazon", "LoadBalancer"), 1), ((), 4)],
)
def test_only_the_sources_named_count(names: tuple[str, ...] | None, expected: int):
    seen = group(
        instance("i-1", UP, UP),
        instance("i-2", UP, DOWN),
        instance("i-3", STARTING, STARTING),
        instance("i-4", DOWN, OUT),
    )
    assert health.count_up(seen, names) == expected


def test_of_a_disabled_server_group_only_the_platform_counts():
    seen = group(instance("i-1", UP, OUT), instance("i-2", DOWN, OUT), is_disabled=True)
    assert health.count_up(seen) == 1


def test_the_check_is_told_in_orcas_words():
    seen = group(instance("i-1", UP, UP), instance("i-2", UP, DOWN), instance("i-3", STARTING))
    assert health.capacity_check(seen, None) == {
        "up": 1,
        "down": 1,
        "outOfService": 0,
        "starting": 1,
        "succeeded": 0,
        "failed": 0,
        "unknown": 0,
    }


def test_what_ails_the_first_three_is_told():
    sick = [instance(f"i-{n}", UP, DOWN, "HTTP 503 on /health") for n in range(4)]
    told = health.unhealthy(group(*sick, instance("i-9", UP, UP)), None)
    assert told == "i-0 HTTP 503 on /health, i-1 HTTP 503 on /health, i-2 HTTP 503 on /health, …"
