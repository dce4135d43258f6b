"""Load balancers, security groups, packages, images and instances: permission, effect, row, audit."""

import io
import json

import pytest

from clusters import inventory
from clusters.core import values
from clusters.core.values import BakeState, Capacity, InvalidValue
from clusters.models import Account, Application, AuditEntry, Image, Instance, LoadBalancer, SecurityGroup
from clusters.operations import images, instances, load_balancers, packages, security_groups
from clusters.providers.base import Conflict, InvalidRequest, NotFound
from clusters.providers.memory import MemoryCloud
from clusters.trust.permissions import Actor, Refused
from spinnaker_web import demo_package

pytestmark = pytest.mark.django_db
ACCOUNT, REGION = "main", "local"


@pytest.fixture(autouse=True)
def place(account: Account, shop: Application) -> None:
    """Every test has the account and the application."""


def balancer(name: str = "shop-web", port: int = 8080) -> values.LoadBalancerRequest:
    return values.LoadBalancerRequest(REGION, name, values.Listener(port))


def launched(cloud: MemoryCloud, image: values.Image) -> None:
    request = values.ServerGroupRequest(REGION, "shop-web-v000", image.id, Capacity(0, 1, 1), ("shop-web",))
    cloud.server_groups.create(ACCOUNT, request, "t")
    cloud.advance(2)
    inventory.refresh(ACCOUNT, REGION)


def upsert_balancer(actor: Actor, request: values.LoadBalancerRequest) -> values.LoadBalancer:
    intent = as_stored(load_balancers.intend_upsert(actor, ACCOUNT, request))
    made = load_balancers.upsert(actor, intent)
    assert load_balancers.find_upserted(intent) == made
    return made


def as_stored(intent: dict) -> dict:
    return json.loads(json.dumps(intent))


def test_a_load_balancer_comes_changes_and_goes(cloud: MemoryCloud, alice: Actor, image: values.Image) -> None:
    assert upsert_balancer(alice, balancer()).address == "127.0.0.1:8080"
    other = load_balancers.intend_upsert(alice, ACCOUNT, balancer(port=8081))
    assert load_balancers.find_upserted(other) is None
    upsert_balancer(alice, balancer(port=8081))
    assert LoadBalancer.objects.get().port == 8081
    entry = AuditEntry.objects.first()
    assert entry
    assert (entry.before["port"], entry.after["listener"]["port"], entry.application) == (8080, 8081, "shop")
    launched(cloud, image)
    intent = as_stored(load_balancers.intend_delete(alice, ACCOUNT, REGION, "shop-web"))
    with pytest.raises(Conflict):
        load_balancers.delete(alice, intent)
    assert not load_balancers.is_deleted(intent)
    cloud.server_groups.destroy(ACCOUNT, REGION, "shop-web-v000")
    cloud.advance()
    for _ in range(2):
        load_balancers.delete(alice, intent)
    assert load_balancers.is_deleted(intent)
    assert not LoadBalancer.objects.exists()


def test_a_load_balancer_needs_a_plain_name_and_the_right(alice: Actor, bob: Actor) -> None:
    with pytest.raises(InvalidValue, match="loadBalancerName"):
        load_balancers.intend_upsert(alice, ACCOUNT, balancer("shop.web"))
    for write in (
        lambda: load_balancers.intend_upsert(bob, ACCOUNT, balancer()),
        lambda: load_balancers.intend_delete(bob, ACCOUNT, REGION, "shop-web"),
        lambda: security_groups.intend_upsert(bob, ACCOUNT, REGION, "shop", ()),
        lambda: security_groups.intend_delete(bob, ACCOUNT, REGION, "shop"),
        lambda: packages.put(bob, ACCOUNT, "shop", "1.0", io.BytesIO()),
        lambda: images.intend_bake(bob, ACCOUNT, values.BakeRequest(REGION, "shop", "1.0")),
        lambda: images.intend_tag(bob, ACCOUNT, REGION, "img-1", {"a": "b"}),
        lambda: instances.intend(bob, "terminate", ACCOUNT, REGION, ["i-1"]),
    ):
        with pytest.raises(Refused):
            write()
    assert not AuditEntry.objects.exists()


def test_a_security_group_comes_and_goes(alice: Actor, bob: Actor) -> None:
    rules = (values.Rule("10.0.0.0/8", 80, 443),)
    intent = as_stored(security_groups.intend_upsert(alice, ACCOUNT, REGION, "shop-web", rules, "inside"))
    assert security_groups.find_upserted(intent) is None
    with pytest.raises(Refused):
        security_groups.upsert(bob, intent)
    made = security_groups.upsert(alice, intent)
    assert security_groups.find_upserted(intent) == made
    row = SecurityGroup.objects.get()
    assert (row.application, row.description, row.rules[0]["to_port"]) == ("shop", "inside", 443)
    other = security_groups.intend_upsert(alice, ACCOUNT, REGION, "shop-web", (), "inside")
    assert security_groups.find_upserted(other) is None
    gone = as_stored(security_groups.intend_delete(alice, ACCOUNT, REGION, "shop-web"))
    assert not security_groups.is_deleted(gone)
    for _ in range(2):
        security_groups.delete(alice, gone)
    assert security_groups.is_deleted(gone)
    assert not SecurityGroup.objects.exists()
    assert list(AuditEntry.objects.values_list("action", flat=True)) == [
        "security_group.delete",
        "security_group.upsert",
        "security_group.upsert",
    ]
    with pytest.raises(InvalidValue):
        security_groups.intend_upsert(alice, ACCOUNT, REGION, "no name", ())


def test_an_upload_becomes_an_image(cloud: MemoryCloud, alice: Actor) -> None:
    archive = demo_package.build("1.0")
    package = packages.put(alice, ACCOUNT, "shop", "1.0", io.BytesIO(archive))
    assert AuditEntry.objects.get().after["sha256"] == package.sha256
    intent = images.intend_bake(alice, ACCOUNT, values.BakeRequest(REGION, "shop", "1.0"))
    intent = json.loads(json.dumps(intent))
    bake = images.start_bake(alice, intent, "t-1")
    assert images.start_bake(alice, intent, "t-1").id == bake.id
    cloud.advance(2)
    done = images.bake(alice, ACCOUNT, REGION, bake.id)
    assert done.state is BakeState.COMPLETED
    assert done.image
    assert done.image.version == "1.0"


def test_a_bake_of_what_is_not_there_is_the_providers_word(alice: Actor) -> None:
    intent = images.intend_bake(alice, ACCOUNT, values.BakeRequest(REGION, "shop", "9.9"))
    with pytest.raises(InvalidRequest):
        images.start_bake(alice, intent, "t")
    with pytest.raises(InvalidValue, match="region"):
        images.intend_bake(alice, ACCOUNT, values.BakeRequest("mars", "shop", "9.9"))


def test_an_instance_is_terminated_and_replaced(cloud: MemoryCloud, alice: Actor, image: values.Image) -> None:
    upsert_balancer(alice, balancer())
    launched(cloud, image)
    victim = Instance.objects.get().instance_id
    intent = as_stored(instances.intend(alice, "terminate", ACCOUNT, REGION, [victim]))
    assert not instances.is_done(intent)
    for _ in range(2):
        instances.change(alice, intent, 0)
    assert not Instance.objects.filter(instance_id=victim).exists()
    cloud.advance(2)
    assert instances.is_done(intent)
    inventory.refresh(ACCOUNT, REGION)
    assert Instance.objects.get().instance_id != victim
    with pytest.raises(NotFound):
        instances.intend(alice, "terminate", ACCOUNT, REGION, [victim])


def test_an_instance_leaves_its_load_balancer_and_comes_back(
    cloud: MemoryCloud, alice: Actor, image: values.Image
) -> None:
    upsert_balancer(alice, balancer())
    launched(cloud, image)
    one = Instance.objects.get().instance_id
    for kind, health in (("deregister", "OutOfService"), ("register", "Up")):
        intent = as_stored(instances.intend(alice, kind, ACCOUNT, REGION, [one], load_balancers=["shop-web"]))
        assert not instances.is_done(intent)
        instances.change(alice, intent, 0)
        cloud.advance(2)
        assert instances.is_done(intent)
        inventory.refresh(ACCOUNT, REGION)
        assert Instance.objects.get().health == health
    entry = AuditEntry.objects.first()
    assert (entry.action, entry.after["load_balancers"]) == ("instance.register", ["shop-web"])
    with pytest.raises(InvalidValue, match="is not behind load balancer 'shop-api'"):
        instances.intend(alice, "register", ACCOUNT, REGION, [one], load_balancers=["shop-api"])


def test_instances_of_several_clusters_are_not_taken_together(
    cloud: MemoryCloud, alice: Actor, image: values.Image
) -> None:
    upsert_balancer(alice, balancer())
    launched(cloud, image)
    other = values.ServerGroupRequest(REGION, "shop-api-v000", image.id, Capacity(0, 1, 1))
    cloud.server_groups.create(ACCOUNT, other, "t2")
    cloud.advance(2)
    both = [i.id for group in cloud.server_groups.list(ACCOUNT, REGION) for i in group.instances]
    with pytest.raises(InvalidValue, match=r"are of several clusters \(shop-api, shop-web\)"):
        instances.intend(alice, "reboot", ACCOUNT, REGION, both)


def test_an_image_is_tagged(cloud: MemoryCloud, alice: Actor, image: values.Image) -> None:
    inventory.refresh(ACCOUNT, REGION)
    intent = as_stored(images.intend_tag(alice, ACCOUNT, REGION, image.id, {"tested": "yes"}))
    assert not images.is_tagged(intent)
    images.tag(alice, intent)
    assert images.is_tagged(intent)
    assert Image.objects.get(image_id=image.id).tags["tested"] == "yes"
    assert AuditEntry.objects.get().after == {"tested": "yes"}


def test_what_belongs_to_another_application_is_not_changed_with_the_account_alone(alice: Actor) -> None:
    Application.objects.create(name="bank")
    for write in (
        lambda: load_balancers.intend_upsert(alice, ACCOUNT, balancer("bank-web")),
        lambda: load_balancers.intend_delete(alice, ACCOUNT, REGION, "bank-web"),
        lambda: security_groups.intend_upsert(alice, ACCOUNT, REGION, "bank", ()),
        lambda: security_groups.intend_delete(alice, ACCOUNT, REGION, "bank"),
    ):
        with pytest.raises(Refused, match="EXECUTE on application bank"):
            write()


@pytest.mark.parametrize("cidr", ["fe80::1%eth0/128", "::1%x\n  http-request return status 200/128"])
def test_a_rule_holds_an_address_and_no_text_of_somebodys(cidr: str) -> None:
    with pytest.raises(InvalidValue, match=r"rule\.cidr"):
        values.Rule(cidr, 80, 80)
