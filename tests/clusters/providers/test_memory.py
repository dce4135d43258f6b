"""What tests can script, beyond the contract."""

import threading
from datetime import UTC, datetime

import pytest

from clusters.core.values import Capacity, Health, Process, ServerGroupRequest
from clusters.providers.base import NotFound, Throttled, Unavailable
from clusters.providers.memory import MemoryCloud

REQUEST = ServerGroupRequest("local", "api-v000", "", Capacity(1, 1, 2))


def make(cloud: MemoryCloud, request: ServerGroupRequest = REQUEST, token: str = "t") -> None:
    image = cloud.add_image("acme", "local", "api-1")
    request = ServerGroupRequest(request.region, request.name, image.id, request.capacity)
    cloud.server_groups.create("acme", request, token)


def health(cloud: MemoryCloud) -> list[Health]:
    return [instance.health for instance in cloud.server_groups.get("acme", "local", "api-v000").instances]


def test_reads_show_each_state_on_the_way_up() -> None:
    cloud = MemoryCloud()
    make(cloud)
    assert [health(cloud) for _ in range(3)] == [[], [Health.STARTING], [Health.UP]]


def test_without_auto_only_advance_moves_the_world() -> None:
    cloud = MemoryCloud(auto=False)
    make(cloud)
    assert [health(cloud) for _ in range(3)] == [[], [], []]
    cloud.advance(2)
    assert health(cloud) == [Health.UP]


def test_a_call_fails_before_doing_as_often_as_scripted() -> None:
    cloud = MemoryCloud()
    cloud.fail("server_groups.create", Throttled("slow down"), times=2)
    for _ in range(2):
        with pytest.raises(Throttled):
            make(cloud)
    assert cloud.world.groups == {}
    make(cloud)
    assert cloud.count_calls("server_groups.create") == 3


def test_a_call_may_fail_after_doing() -> None:
    cloud = MemoryCloud()
    cloud.fail("server_groups.create", Unavailable("lost"), after_doing=True)
    with pytest.raises(Unavailable):
        make(cloud)
    make(cloud)
    assert len(cloud.world.groups) == 1


def test_a_hanging_call_ends_when_it_is_released() -> None:
    cloud = MemoryCloud()
    cloud.hang("server_groups.list")
    errors: list[Unavailable] = []

    def read() -> None:
        try:
            cloud.server_groups.list("acme", "local")
        except Unavailable as error:
            errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    assert cloud.server_groups.list("acme", "local") == []
    cloud.release()
    reader.join(5)
    assert len(errors) == 1


def test_instances_may_never_become_healthy() -> None:
    cloud = MemoryCloud()
    cloud.never_healthy("api-v000")
    make(cloud)
    cloud.advance(5)
    assert health(cloud) == [Health.DOWN]


def test_an_instance_that_goes_down_is_replaced_unless_that_is_suspended() -> None:
    cloud = MemoryCloud(auto=False)
    make(cloud)
    cloud.advance(2)
    [first] = cloud.server_groups.get("acme", "local", "api-v000").instances
    cloud.server_groups.suspend("acme", "local", "api-v000", frozenset({Process.REPLACE_UNHEALTHY.value}))
    cloud.mark_down(first.id)
    cloud.advance(3)
    assert health(cloud) == [Health.DOWN]
    cloud.server_groups.resume("acme", "local", "api-v000", frozenset({Process.REPLACE_UNHEALTHY.value}))
    cloud.advance(2)
    [second] = cloud.server_groups.get("acme", "local", "api-v000").instances
    assert (second.health, second.id == first.id) == (Health.UP, False)


def test_reads_lag_behind_creates() -> None:
    cloud = MemoryCloud(lag=2)
    make(cloud)
    for _ in range(2):
        assert cloud.server_groups.list("acme", "local") == []
    assert len(cloud.server_groups.list("acme", "local")) == 1
    cloud = MemoryCloud(lag=2)
    make(cloud)
    with pytest.raises(NotFound):
        cloud.server_groups.get("acme", "local", "api-v000")


def test_the_clock_may_be_given() -> None:
    now = datetime(2030, 5, 1, tzinfo=UTC)
    cloud = MemoryCloud(clock=lambda: now)
    make(cloud)
    assert cloud.server_groups.get("acme", "local", "api-v000").created_at == now
