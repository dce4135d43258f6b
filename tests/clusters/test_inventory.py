from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clusters import inventory, jobs, slots
from clusters.core import values
from clusters.core.values import Capacity
from clusters.models import Account, Freshness, Image, Instance, Kind, LoadBalancer, SecurityGroup, ServerGroup
from clusters.providers.base import Unavailable
from clusters.providers.memory import MemoryCloud

pytestmark = pytest.mark.django_db
ACCOUNT, REGION = "main", "local"


def launch(cloud: MemoryCloud, image: values.Image, name: str, size: int = 2, **more: object) -> None:
    request = values.ServerGroupRequest(REGION, name, image.id, Capacity(0, size, size), **more)  # type: ignore[arg-type]
    cloud.server_groups.create(ACCOUNT, request, name)


def age(kind: Kind) -> datetime:
    refreshed_at = Freshness.objects.get(kind=kind).refreshed_at
    assert refreshed_at
    return refreshed_at


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
    assert set(Freshness.objects.values_list("kind", "error")) == {(kind, "") for kind in Kind}


def test_an_unchanged_report_writes_no_row(running: MemoryCloud) -> None:
    inventory.refresh(ACCOUNT, REGION)
    before = ServerGroup.objects.get().changed_at, age(Kind.SERVER_GROUPS)
    with CaptureQueriesContext(connection) as queries:
        assert inventory.refresh(ACCOUNT, REGION) == frozenset()
    writes = [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert len(writes) == len(Kind), "only the freshness"
    assert ServerGroup.objects.get().changed_at == before[0]
    assert age(Kind.SERVER_GROUPS) > before[1]


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


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_that_cannot_be_read_empties_nothing_and_holds_up_no_other(running: MemoryCloud, kind: Kind) -> None:
    inventory.refresh(ACCOUNT, REGION)
    before = {each: age(each) for each in Kind}
    running.security_groups.upsert(ACCOUNT, REGION, "shop", (values.Rule("10.0.0.0/8", 81, 81),), "inside")
    running.fail(f"{kind}.{'changes' if kind == Kind.SERVER_GROUPS else 'list'}", Unavailable("no answer"))
    inventory.refresh(ACCOUNT, REGION)
    assert ServerGroup.objects.count() == LoadBalancer.objects.count() == SecurityGroup.objects.count() == 1
    assert Image.objects.count() == 1
    assert SecurityGroup.objects.get().rules[0]["from_port"] == (80 if kind == Kind.SECURITY_GROUPS else 81)
    assert list(Freshness.objects.exclude(error="").values_list("kind", "error")) == [(kind, "no answer")]
    assert [each for each in Kind if age(each) == before[each]] == [kind]
    inventory.refresh(ACCOUNT, REGION)
    assert not Freshness.objects.exclude(error="").exists()


def test_an_account_whose_provider_is_unknown_says_so(account: Account) -> None:
    Account.objects.update(provider="nimbus")
    inventory.refresh(ACCOUNT, REGION)
    assert all("nimbus" in row.error for row in Freshness.objects.all())
    assert Freshness.objects.count() == len(Kind)


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


def test_a_look_writes_what_differs_and_what_is_on_its_way_alone(running: MemoryCloud, image: values.Image) -> None:
    launch(running, image, "cart-v000", size=1)
    inventory.refresh(ACCOUNT, REGION)
    settled = ServerGroup.objects.get(name="shop-web-v001")
    assert inventory.look(ACCOUNT, REGION) == frozenset()
    running.advance(2)
    assert inventory.look(ACCOUNT, REGION) == {"cart"}, "its instance came up"
    launch(running, image, "cart-v001", size=0)
    running.server_groups.destroy(ACCOUNT, REGION, "cart-v000")
    running.advance()
    assert inventory.look(ACCOUNT, REGION) == {"cart"}
    assert sorted(ServerGroup.objects.values_list("name", flat=True)) == ["cart-v001", "shop-web-v001"]
    settled_now = ServerGroup.objects.get(name="shop-web-v001")
    assert (settled_now.changed_at, settled_now.instances.count()) == (settled.changed_at, 2)
    _, first, *_ = [call for call in running.calls if call.method == "server_groups.changes"]
    assert first.args[2] == {"shop-web-v001": settled.mark}, "cart was on its way, and asked for in full"


def test_a_cluster_is_read_again_with_its_load_balancers(running: MemoryCloud) -> None:
    inventory.refresh(ACCOUNT, REGION)
    running.server_groups.disable(ACCOUNT, REGION, "shop-web-v001")
    running.advance(2)
    jobs.refresh(ACCOUNT, REGION, "shop-web")
    assert ServerGroup.objects.get().is_disabled
    assert {member["health"] for member in LoadBalancer.objects.get().members} == {"OutOfService"}


def test_what_else_was_changed_is_read_again_alone(running: MemoryCloud) -> None:
    inventory.refresh(ACCOUNT, REGION)
    running.security_groups.upsert(ACCOUNT, REGION, "shop", (), "inside")
    check = values.HealthCheck(path="/ready")
    balancer = values.LoadBalancerRequest(REGION, "shop-web", values.Listener(8080), check, ("shop",))
    running.load_balancers.upsert(ACCOUNT, balancer)
    jobs.refresh(ACCOUNT, REGION, "security-group/shop")
    jobs.refresh(ACCOUNT, REGION, "load-balancer/shop-web")
    assert SecurityGroup.objects.get().rules == []
    assert LoadBalancer.objects.get().health_check["path"] == "/ready"


def test_a_long_read_does_not_undo_what_was_read_of_one_group_meanwhile(
    running: MemoryCloud, image: values.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory.refresh(ACCOUNT, REGION)
    changes = running.server_groups.changes

    def slow(account: str, region: str, marks: dict[str, str]) -> values.Changes:
        told = changes(account, region, marks)
        running.server_groups.resize(ACCOUNT, REGION, "shop-web-v001", Capacity(0, 1, 1))
        launch(running, image, "shop-web-v002", size=0)
        for name in ("shop-web-v001", "shop-web-v002"):
            inventory.refresh_server_group(ACCOUNT, REGION, name)
        return told

    with monkeypatch.context() as patched:
        patched.setattr(running.server_groups, "changes", slow)
        inventory.refresh(ACCOUNT, REGION)
    assert sorted(ServerGroup.objects.values_list("name", "desired_size")) == [
        ("shop-web-v001", 1),
        ("shop-web-v002", 0),
    ]
    ServerGroup.objects.update(changed_at=timezone.now() + timedelta(days=1), desired_size=7, digest="")
    inventory.refresh(ACCOUNT, REGION)
    assert not ServerGroup.objects.filter(desired_size=7).exists(), "a clock that was wrong holds for nothing"


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
    assert count(["one-v000"]) == count([f"shop-v{n:03d}" for n in range(50)]) <= 28


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
    assert heard == [frozenset({"shop"})] * 3, "once for each kind that changed"


def test_an_empty_slot_gives_nothing_and_an_unknown_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(slots.SLOTS, "cluster.badges", [])
    assert slots.filled("cluster.badges", None, None, "shop-web") == []
    with pytest.raises(KeyError):
        slots.fill("server_group.nowhere", print)
