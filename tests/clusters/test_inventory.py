import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clusters import inventory, slots
from clusters.core import values
from clusters.core.values import Capacity
from clusters.models import Account, Freshness, Image, Instance, LoadBalancer, SecurityGroup, ServerGroup
from clusters.providers.base import Unavailable
from clusters.providers.memory import MemoryCloud

pytestmark = pytest.mark.django_db
ACCOUNT, REGION = "main", "local"


def launch(cloud: MemoryCloud, image: values.Image, name: str, size: int = 2, **more: object) -> None:
    request = values.ServerGroupRequest(REGION, name, image.id, Capacity(0, size, size), **more)  # type: ignore[arg-type]
    cloud.server_groups.create(ACCOUNT, request, name)


@pytest.fixture
def running(cloud: MemoryCloud, account: Account, image: values.Image) -> MemoryCloud:
    """shop-web-v001 with two instances Up behind a load balancer and a security group."""
    cloud.security_groups.upsert(ACCOUNT, REGION, "shop", (values.Rule("10.0.0.0/8", 80, 80),), "inside")
    balancer = values.LoadBalancerRequest(REGION, "shop-web", values.Listener(8080), security_groups=("shop",))
    cloud.load_balancers.upsert(ACCOUNT, balancer)
    launch(cloud, image, "shop-web-v001", load_balancers=("shop-web",), security_groups=("shop",))
    cloud.advance(2)
    return cloud


def test_a_report_becomes_rows(running: MemoryCloud) -> None:
    assert inventory.refresh(ACCOUNT, REGION) == {"shop"}
    group = ServerGroup.objects.get()
    assert (group.account_id, group.application, group.stack, group.cluster, group.sequence) == (
        "main",
        "shop",
        "web",
        "shop-web",
        1,
    )
    assert (group.capacity, group.up, group.package, group.version) == (Capacity(0, 2, 2), 2, "shop", "1.0")
    assert (group.load_balancers, group.security_groups) == (["shop-web"], ["shop"])
    instances = group.instances.all()
    assert [instance.health for instance in instances] == ["Up", "Up"]
    assert [report["source"] for report in instances[0].reports] == ["Platform", "LoadBalancer"]
    balancer = LoadBalancer.objects.get()
    assert (balancer.port, len(balancer.members), balancer.application) == (8080, 2, "shop")
    assert SecurityGroup.objects.get().rules == [
        {"cidr": "10.0.0.0/8", "from_port": 80, "to_port": 80, "protocol": "tcp", "group": ""}
    ]
    assert Image.objects.get().name == "shop-1.0"
    assert Freshness.objects.get().error == ""


def test_an_unchanged_report_writes_no_row(running: MemoryCloud) -> None:
    inventory.refresh(ACCOUNT, REGION)
    before = ServerGroup.objects.get().changed_at, Freshness.objects.get().refreshed_at
    with CaptureQueriesContext(connection) as queries:
        assert inventory.refresh(ACCOUNT, REGION) == frozenset()
    writes = [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert len(writes) == 1, "only the freshness"
    assert ServerGroup.objects.get().changed_at == before[0]
    assert Freshness.objects.get().refreshed_at > before[1]


def test_what_is_no_longer_reported_goes_and_what_changed_is_told(running: MemoryCloud, image: values.Image) -> None:
    launch(running, image, "cart-v000", size=1)
    launch(running, image, "unnamed!", size=1)
    assert inventory.refresh(ACCOUNT, REGION) == {"shop", "cart"}
    running.server_groups.destroy(ACCOUNT, REGION, "shop-web-v001")
    running.advance()
    assert inventory.refresh(ACCOUNT, REGION) == {"shop", "cart"}, "cart's instance came up meanwhile"
    assert sorted(group.name for group in ServerGroup.objects.all()) == ["cart-v000", "unnamed!"]
    assert set(Instance.objects.values_list("server_group__name", flat=True)) == {"cart-v000", "unnamed!"}


def test_an_instance_that_changes_tells_its_application(running: MemoryCloud) -> None:
    inventory.refresh(ACCOUNT, REGION)
    instance = Instance.objects.first()
    assert instance
    running.mark_down(instance.instance_id)
    assert inventory.refresh(ACCOUNT, REGION) == {"shop"}
    instance.refresh_from_db()
    assert instance.health == "Down"
    assert (ServerGroup.objects.get().up, ServerGroup.objects.get().down) == (1, 1)


@pytest.mark.parametrize("part", ["server_groups", "load_balancers", "security_groups", "images"])
def test_a_failing_provider_empties_nothing(running: MemoryCloud, part: str) -> None:
    inventory.refresh(ACCOUNT, REGION)
    refreshed_at = Freshness.objects.get().refreshed_at
    running.fail(f"{part}.list", Unavailable("no answer"))
    assert inventory.refresh(ACCOUNT, REGION) == frozenset()
    assert ServerGroup.objects.count() == LoadBalancer.objects.count() == SecurityGroup.objects.count() == 1
    freshness = Freshness.objects.get()
    assert (freshness.error, freshness.refreshed_at) == ("no answer", refreshed_at)
    inventory.refresh(ACCOUNT, REGION)
    assert Freshness.objects.get().error == ""


def test_an_account_whose_provider_is_unknown_says_so(account: Account) -> None:
    Account.objects.update(provider="nimbus")
    inventory.refresh(ACCOUNT, REGION)
    assert "nimbus" in Freshness.objects.get().error


def test_one_server_group_is_refreshed_alone(running: MemoryCloud, image: values.Image) -> None:
    launch(running, image, "shop-web-v002", size=1)
    inventory.refresh(ACCOUNT, REGION)
    running.server_groups.disable(ACCOUNT, REGION, "shop-web-v001")
    running.server_groups.destroy(ACCOUNT, REGION, "shop-web-v002")
    assert inventory.refresh_server_group(ACCOUNT, REGION, "shop-web-v001") == {"shop"}
    first, second = ServerGroup.objects.order_by("name")
    assert (first.is_disabled, first.package, first.instances.count()) == (True, "shop", 2)
    assert not second.is_being_destroyed, "the other one was not asked for"
    running.advance()
    inventory.refresh_server_group(ACCOUNT, REGION, "shop-web-v002")
    assert [group.name for group in ServerGroup.objects.all()] == ["shop-web-v001"]


def test_other_regions_are_left_alone(running: MemoryCloud) -> None:
    inventory.refresh(ACCOUNT, REGION)
    ServerGroup.objects.update(region="elsewhere")
    Instance.objects.update(region="elsewhere")
    inventory.refresh(ACCOUNT, REGION)
    assert ServerGroup.objects.filter(region="elsewhere").count() == 1
    assert ServerGroup.objects.count() == 2


def test_many_server_groups_take_as_few_statements_as_one(
    cloud: MemoryCloud, account: Account, image: values.Image
) -> None:
    def count(names: list[str]) -> int:
        for name in names:
            launch(cloud, image, name)
        cloud.advance(2)
        with CaptureQueriesContext(connection) as queries:
            inventory.refresh(ACCOUNT, REGION)
        return len(queries)

    inventory.refresh(ACCOUNT, REGION)
    assert count(["one-v000"]) == count([f"shop-v{n:03d}" for n in range(50)]) <= 14


@pytest.mark.django_db(transaction=True)
def test_a_slot_hears_of_changes_after_commit_and_may_fail(running: MemoryCloud) -> None:
    heard: list[frozenset[str]] = []

    def broken(changed: frozenset[str]) -> None:
        raise ConnectionError("no Redis")

    for filler in (broken, heard.append):
        slots.fill("inventory.changed", filler)
    try:
        inventory.refresh(ACCOUNT, REGION)
        inventory.refresh(ACCOUNT, REGION)
    finally:
        inventory.listeners.clear()
    assert heard == [frozenset({"shop"})]


def test_an_empty_slot_gives_nothing_and_an_unknown_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(slots.SLOTS, "cluster.badges", [])
    assert slots.filled("cluster.badges", None, None, "shop-web") == []
    with pytest.raises(KeyError):
        slots.fill("server_group.nowhere", print)
