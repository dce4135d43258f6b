"""No effect is intended that would take the last healthy, enabled server group of a guarded cluster away."""

import pytest
from django.core.exceptions import ValidationError

from clusters import inventory
from clusters.core import values
from clusters.core.guarding import Guard
from clusters.core.values import Capacity
from clusters.models import Account, Application, AuditEntry, Instance, TrafficGuard
from clusters.operations import applications, instances, server_groups
from clusters.operations.traffic_guards import Guarded
from clusters.providers.memory import MemoryCloud
from clusters.trust.permissions import Actor

pytestmark = pytest.mark.django_db
ACCOUNT, REGION = "main", "local"
OLD, NEW = "shop-web-v000", "shop-web-v001"


@pytest.fixture(autouse=True)
def guarded(account: Account, shop: Application, cloud: MemoryCloud, image: values.Image) -> TrafficGuard:
    """One server group with two instances in a cluster that is guarded."""
    stand(cloud, image, OLD)
    return TrafficGuard.objects.create(application=shop, stack="web")


def stand(cloud: MemoryCloud, image: values.Image, name: str, size: int = 2) -> None:
    cloud.server_groups.create(
        ACCOUNT, values.ServerGroupRequest(REGION, name, image.id, Capacity(0, size, size)), name
    )
    cloud.advance()
    cloud.advance()
    inventory.refresh(ACCOUNT, REGION)


def intend(
    actor: Actor, kind: str, name: str = OLD, capacity: Capacity | None = None, along_with: set[str] = frozenset()
):
    return server_groups.intend_change(actor, kind, ACCOUNT, REGION, name, capacity, along_with=along_with)


@pytest.mark.parametrize(("kind", "capacity"), [("disable", None), ("destroy", None), ("resize", Capacity(0, 0, 2))])
def test_the_last_one_stays_and_the_message_says_how_to_go_on(alice: Actor, kind: str, capacity: Capacity) -> None:
    with pytest.raises(Guarded) as caught:
        intend(alice, kind, capacity=capacity)
    told = caught.value.message
    assert f"{kind}" in told
    assert "shop-web in local of main would be left without" in told
    assert "the last healthy instances: 2 in shop-web-v000" in told
    assert "First deploy or enable another server group of shop-web, or switch the guard off" in told
    assert not AuditEntry.objects.exists()


def test_what_leaves_one_or_takes_nothing_may_be_done(
    cloud: MemoryCloud, image: values.Image, alice: Actor, guarded: TrafficGuard
) -> None:
    assert intend(alice, "resize", capacity=Capacity(0, 1, 2))
    stand(cloud, image, "shop-api-v000")
    assert intend(alice, "disable", "shop-api-v000"), "another cluster, which nobody guards"
    stand(cloud, image, NEW)
    assert intend(alice, "disable")
    with pytest.raises(Guarded, match="2 in shop-web-v001 and 2 in shop-web-v000"):
        intend(alice, "destroy", along_with={NEW})
    cloud.server_groups.disable(ACCOUNT, REGION, OLD)
    assert intend(alice, "destroy"), "it takes no traffic"
    with pytest.raises(Guarded):
        intend(alice, "disable", NEW)
    guarded.is_enabled = False
    guarded.save()
    assert intend(alice, "disable", NEW)


def test_a_server_group_that_is_ill_is_none_to_rely_on(cloud: MemoryCloud, image: values.Image, alice: Actor) -> None:
    cloud.world.never_healthy.add(NEW)
    stand(cloud, image, NEW)
    with pytest.raises(Guarded):
        intend(alice, "disable")
    assert intend(alice, "disable", NEW), "nor one to lose"


def test_the_last_instance_that_is_up_is_not_ended(cloud: MemoryCloud, alice: Actor) -> None:
    first, second = Instance.objects.values_list("instance_id", flat=True)
    assert instances.intend(alice, "terminate", ACCOUNT, REGION, [first])
    cloud.server_groups.resize(ACCOUNT, REGION, OLD, Capacity(0, 1, 1))
    cloud.instances.terminate(ACCOUNT, REGION, first)
    with pytest.raises(Guarded, match=f"refuses to terminate {second}"):
        instances.intend(alice, "terminate", ACCOUNT, REGION, [second])


def test_guards_are_kept_with_the_application_and_audited(alice: Actor, shop: Application) -> None:
    off = Guard("main", "*", "web", "*", is_enabled=False)
    given = [Guard("main", "*", "web", "*"), Guard("*", "*"), off]
    texts = {"owner_email": "", "description": ""}
    applications.update(alice, shop, version=1, guards=given, **texts)
    assert [guard.value for guard in shop.traffic_guards.all()] == [Guard("*", "*"), off]
    entry = AuditEntry.objects.get()
    assert [guard["stack"] for guard in entry.before["traffic_guards"]] == ["web"]
    assert entry.after["traffic_guards"][1] == off.as_json()
    applications.update(alice, shop, version=2, **texts)
    assert shop.traffic_guards.count() == 2, "left as they are"


def test_the_same_clusters_are_guarded_once(shop: Application) -> None:
    with pytest.raises(ValidationError):
        TrafficGuard(application=shop, stack="web").full_clean()
