import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.utils import timezone

from clusters import inventory
from clusters.core import values
from clusters.core.values import Capacity, InvalidValue
from clusters.models import (
    Account,
    AccountPermission,
    Application,
    ApplicationPermission,
    AuditEntry,
    NameReservation,
    ServerGroup,
)
from clusters.operations import rehearsing, server_groups
from clusters.providers.base import Conflict, NotFound, Unavailable
from clusters.providers.memory import MemoryCloud
from clusters.trust.permissions import Actor, Authorization, Refused

pytestmark = pytest.mark.django_db
ACCOUNT, REGION = "main", "local"


@pytest.fixture(autouse=True)
def place(account: Account, shop: Application) -> None:
    """Every test has the account and the application."""


def intend(actor: Actor, image: values.Image, token: str = "t-1", stack: str = "web", **launch: object) -> dict:
    wanted = {"image_id": image.id, "capacity": {"min": 0, "desired": 2, "max": 2}} | launch
    intent = server_groups.intend_create(
        actor, account=ACCOUNT, region=REGION, application="shop", stack=stack, launch=wanted, token=token
    )
    return json.loads(json.dumps(intent))  # as it comes back from its row


def test_a_create_is_intended_done_and_found_again(cloud: MemoryCloud, alice: Actor, image: values.Image) -> None:
    intent = intend(alice, image, environment={"MODE": "test"}, tags={"team": "a"})
    assert (intent["name"], intent["cluster"]) == ("shop-web-v000", "shop-web")
    assert server_groups.find_created(intent, "t-1") is None
    group = server_groups.create(alice, intent, "t-1")
    assert (group.name, group.capacity, group.tags["team"]) == ("shop-web-v000", Capacity(0, 2, 2), "a")
    assert group.tags[server_groups.ACTOR_TAG] == "alice"
    assert server_groups.find_created(intent, "t-1") == group == server_groups.create(alice, intent, "t-1")
    assert server_groups.find_created(intent, "t-2") is None
    assert ServerGroup.objects.get().name == "shop-web-v000"
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.application) == ("alice", "server_group.create", "shop")


def test_a_create_that_was_done_although_it_failed_is_found(
    cloud: MemoryCloud, alice: Actor, image: values.Image
) -> None:
    intent = intend(alice, image)
    cloud.fail("server_groups.create", Unavailable("connection lost"), after_doing=True)
    with pytest.raises(Unavailable):
        server_groups.create(alice, intent, "t-1")
    found = server_groups.find_created(intent, "t-1")
    assert found
    assert found.name == intent["name"]
    cloud.fail("server_groups.get", Unavailable("down"))
    with pytest.raises(Unavailable):
        server_groups.find_created(intent, "t-1")


def test_names_follow_what_exists_and_what_is_reserved(cloud: MemoryCloud, alice: Actor, image: values.Image) -> None:
    first = intend(alice, image, "t-1")
    assert intend(alice, image, "t-1")["name"] == first["name"], "the same token, the same name"
    assert intend(alice, image, "t-2")["name"] == "shop-web-v001"
    assert intend(alice, image, "t-3", stack="api")["name"] == "shop-api-v000"
    request = values.ServerGroupRequest(REGION, "shop-web-v007", image.id, Capacity(0, 0, 0))
    cloud.server_groups.create(ACCOUNT, request, "elsewhere")
    NameReservation.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert intend(alice, image, "t-4")["name"] == "shop-web-v008"
    assert NameReservation.objects.count() == 1, "old reservations are gone"


@pytest.mark.django_db(transaction=True)
def test_of_many_creates_at_once_each_gets_its_own_name(alice: Actor, image: values.Image) -> None:
    def ask(number: int) -> str:
        try:
            with transaction.atomic():
                return intend(alice, image, f"t-{number}")["name"]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(ask, range(12))) == [f"shop-web-v{n:03d}" for n in range(12)]


@pytest.mark.django_db(transaction=True)
def test_nobody_who_deploys_waits_for_a_rehearsal(alice: Actor, image: values.Image) -> None:
    def deploy() -> str:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '500ms'")
                return str(intend(alice, image, "t-real")["name"])
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as others, transaction.atomic():
        with rehearsing():
            assert intend(alice, image, "t-rehearsed")["name"] == "shop-web-v000"
        assert others.submit(deploy).result() == "shop-web-v000"
        transaction.set_rollback(True)
    assert NameReservation.objects.get().token == "t-real"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"capacity": {"min": 3, "desired": 2, "max": 2}}, "capacity"),
        ({"image_id": "img-0"}, "imageId"),
        ({"load_balancers": ["nowhere"]}, "loadBalancers"),
        ({"security_groups": ["nobody"]}, "securityGroups"),
    ],
)
def test_a_launch_that_cannot_be_names_its_field(alice: Actor, image: values.Image, change: dict, field: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        intend(alice, image, **change)
    assert caught.value.field == field
    assert not NameReservation.objects.exists()


def test_account_region_and_name_are_checked(alice: Actor, root: Actor, image: values.Image) -> None:
    launch = {"image_id": image.id, "capacity": {"min": 0, "desired": 0, "max": 0}}

    def field_of(actor: Actor = alice, **change: str) -> str:
        place = {"account": ACCOUNT, "region": REGION, "application": "shop", "stack": "web"} | change
        with pytest.raises(InvalidValue) as caught:
            server_groups.intend_create(actor, launch=launch, token="t", **place)  # type: ignore[arg-type]
        return caught.value.field

    assert field_of(account="prod") == "account"
    assert field_of(region="mars") == "region"
    assert field_of(stack="a-b") == "stack"
    assert field_of(detail="v001") == "freeFormDetails"
    assert field_of(root, application="shop-") == "application"


def test_deploying_needs_the_account_and_the_application(
    alice: Actor, bob: Actor, root: Actor, image: values.Image, shop: Application
) -> None:
    with pytest.raises(Refused, match="bob lacks WRITE on account main"):
        intend(bob, image)
    readers = Group.objects.get(name="readers")
    AccountPermission.objects.create(account=Account.objects.get(), role=readers, authorization="WRITE")
    with pytest.raises(Refused, match="bob lacks EXECUTE on application shop"):
        intend(bob, image)
    assert intend(root, image)
    shop.delete()
    with pytest.raises(Refused, match="alice lacks EXECUTE on application shop"):
        intend(alice, image, "t-2")


def test_traffic_of_another_application_is_taken_only_with_rights_there(
    cloud: MemoryCloud, alice: Actor, image: values.Image
) -> None:
    """A load balancer sends what its users type; whoever stands behind it reads that."""
    for name in ("bank-web", "nobodys-web", "shop-web"):
        cloud.load_balancers.upsert(ACCOUNT, values.LoadBalancerRequest(REGION, name, values.Listener(0)))
    bank = Application.objects.create(name="bank")
    with pytest.raises(Refused, match="alice lacks EXECUTE on application bank"):
        intend(alice, image, load_balancers=["shop-web", "bank-web"])
    assert not NameReservation.objects.exists()
    assert intend(alice, image, load_balancers=["shop-web", "nobodys-web"])
    ApplicationPermission.objects.create(
        application=bank, role=Group.objects.get(name="owners"), authorization=Authorization.EXECUTE
    )
    assert intend(alice, image, "t-2", load_balancers=["bank-web"])


@pytest.fixture
def running(cloud: MemoryCloud, alice: Actor, image: values.Image) -> str:
    intent = intend(alice, image)
    server_groups.create(alice, intent, "t-1")
    cloud.advance(2)
    inventory.refresh(ACCOUNT, REGION)
    return intent["name"]


def do(actor: Actor, kind: str, name: str, capacity: Capacity | None = None, **more: frozenset[str]) -> None:
    intent = server_groups.intend_change(actor, kind, ACCOUNT, REGION, name, capacity, **more)
    for _ in range(2):  # as after a crash
        server_groups.change(actor, json.loads(json.dumps(intent)))


def test_each_change_may_be_repeated_and_shows_in_the_row(cloud: MemoryCloud, alice: Actor, running: str) -> None:
    def row() -> ServerGroup:
        return ServerGroup.objects.get(name=running)

    do(alice, "resize", running, Capacity(1, 3, 5))
    assert row().capacity == Capacity(1, 3, 5)
    do(alice, "disable", running)
    assert row().is_disabled
    do(alice, "resume", running, processes=frozenset({"Launch", "Terminate"}))
    assert row().suspended_processes == ["AddToLoadBalancer"]
    do(alice, "suspend", running, processes=frozenset({"HealthCheck"}))
    assert row().suspended_processes == ["AddToLoadBalancer", "HealthCheck"]
    do(alice, "enable", running)
    assert not row().is_disabled
    do(alice, "destroy", running)
    assert row().is_being_destroyed
    cloud.advance()
    do(alice, "destroy", running)
    do(alice, "disable", running)
    assert not ServerGroup.objects.exists()
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions)[1:4] == ["server_group.resize", "server_group.disable", "server_group.resume"]
    resize = AuditEntry.objects.get(action="server_group.resize")
    assert (resize.before["capacity"]["desired"], resize.after["capacity"]["desired"]) == (2, 3)


def test_what_is_gone_or_going_cannot_be_resized_or_enabled(cloud: MemoryCloud, alice: Actor, running: str) -> None:
    cloud.server_groups.destroy(ACCOUNT, REGION, running)
    for kind in ("resize", "enable"):
        with pytest.raises(Conflict, match="is being destroyed"):
            do(alice, kind, running, Capacity(0, 0, 0))
    cloud.advance()
    with pytest.raises(NotFound):
        do(alice, "enable", running)


def test_changes_need_both_permissions_too(bob: Actor, alice: Actor, running: str) -> None:
    with pytest.raises(Refused):
        do(bob, "disable", running)
    with pytest.raises(Refused):
        do(alice, "destroy", "cart-v000")
    with pytest.raises(ValueError, match="explode"):
        do(alice, "explode", running)


def test_rights_lost_after_the_intent_stop_the_call(
    cloud: MemoryCloud, alice: Actor, bob: Actor, running: str, image: values.Image
) -> None:
    change = server_groups.intend_change(alice, "destroy", ACCOUNT, REGION, running)
    create = intend(alice, image, "t-2")
    calls = len(cloud.calls)
    with pytest.raises(Refused, match="bob lacks WRITE on account main"):
        server_groups.change(bob, change)
    AccountPermission.objects.create(
        account=Account.objects.get(), role=Group.objects.get(name="readers"), authorization="WRITE"
    )
    with pytest.raises(Refused, match="bob lacks EXECUTE on application shop"):
        server_groups.create(bob, create, "t-2")
    assert len(cloud.calls) == calls


def test_a_refresh_that_fails_does_not_fail_the_change(cloud: MemoryCloud, alice: Actor, running: str) -> None:
    intent = server_groups.intend_change(alice, "disable", ACCOUNT, REGION, running)
    cloud.fail("server_groups.get", Unavailable("gone for a walk"))
    server_groups.change(alice, intent)
    assert cloud.server_groups.get(ACCOUNT, REGION, running).is_disabled


def test_a_provider_that_fails_is_passed_on(cloud: MemoryCloud, alice: Actor, running: str) -> None:
    intent = server_groups.intend_change(alice, "disable", ACCOUNT, REGION, running)
    cloud.fail("server_groups.disable", Unavailable("no answer"))
    with pytest.raises(Unavailable):
        server_groups.change(alice, intent)


def test_a_key_names_the_cluster() -> None:
    assert server_groups.cluster_key("main", "local", "shop-web") == "main:local:shop-web"
