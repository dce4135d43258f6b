import pytest
from django.contrib.auth.models import Group

from clusters import inventory
from clusters.core import values
from clusters.core.values import Capacity
from clusters.models import Account, Application, AuditEntry
from clusters.operations import Conflict, InvalidInput, applications
from clusters.providers.memory import MemoryCloud
from clusters.trust.permissions import Actor, Authorization, Refused

pytestmark = pytest.mark.django_db


def test_whoever_creates_an_application_gives_it_to_a_role_of_their_own(alice: Actor) -> None:
    grants = [("owners", Authorization.READ), ("owners", Authorization.READ)]
    made = applications.create(alice, name="cart", owner_role="owners", owner_email="a@example.org", grants=grants)
    assert (made.name, made.owner_role.name, made.version) == ("cart", "owners", 1)
    assert made.permissions.count() == 1
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.application, entry.actor) == ("application.create", "cart", "alice")
    assert entry.after["grants"] == [["owners", "READ"]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "my-cart"}, "name"),
        ({"name": "x" * 251}, "name"),
        ({"name": "shop"}, "name"),
        ({"name": "SHOP"}, "name"),
        ({"owner_email": "nobody"}, "owner_email"),
        ({"owner_role": ""}, "owner_role"),
        ({"owner_role": "ghosts"}, "owner_role"),
        ({"owner_role": "readers"}, "owner_role"),
        ({"grants": [("ghosts", Authorization.READ)]}, "grants"),
    ],
)
def test_what_is_wrong_is_told_by_field(alice: Actor, shop: Application, change: dict, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        applications.create(alice, **({"name": "cart", "owner_role": "owners"} | change))
    assert list(caught.value.errors) == [field]
    assert Application.objects.count() == 1
    assert not AuditEntry.objects.exists()


def test_a_superuser_may_leave_it_without_an_owner_and_nobody_may_not_create(root: Actor) -> None:
    assert applications.create(root, name="cart").owner_role is None
    with pytest.raises(Refused):
        applications.create(Actor(None, "anonymous"), name="cart2")


def test_a_change_on_an_old_version_is_refused(alice: Actor, shop: Application) -> None:
    stale = Application.objects.get()
    changed = applications.update(alice, shop, version=1, owner_email="b@example.org", description="new")
    assert changed.version == 2
    with pytest.raises(Conflict, match="meanwhile"):
        applications.update(alice, stale, version=1, owner_email="c@example.org", description="old")
    shop.refresh_from_db()
    assert (shop.owner_email, shop.description, shop.version) == ("b@example.org", "new", 2)
    entry = AuditEntry.objects.get()
    assert (entry.before["description"], entry.after["description"]) == ("", "new")


def test_only_owners_change_who_may_do_what(alice: Actor, bob: Actor, shop: Application) -> None:
    shop.permissions.create(role=Group.objects.get(name="readers"), authorization=Authorization.WRITE)
    texts = {"owner_email": "", "description": "by bob"}
    assert applications.update(bob, shop, version=1, **texts).version == 2
    with pytest.raises(Refused, match="Only members of owners"):
        applications.update(bob, shop, version=2, grants=[], **texts)
    applications.update(alice, shop, version=2, grants=[("readers", Authorization.EXECUTE)], **texts)
    assert list(shop.permissions.values_list("role__name", "authorization")) == [("readers", "EXECUTE")]
    with pytest.raises(InvalidInput):
        applications.update(alice, shop, version=3, owner_role="readers", **texts)


def test_readers_and_strangers_change_nothing(bob: Actor, charlie: Actor, shop: Application) -> None:
    for actor in (bob, charlie):
        with pytest.raises(Refused):
            applications.update(actor, shop, version=1, owner_email="", description="")
        with pytest.raises(Refused):
            applications.delete(actor, shop)


def test_an_application_is_deleted_only_without_server_groups(
    cloud: MemoryCloud, account: Account, image: values.Image, alice: Actor, shop: Application
) -> None:
    request = values.ServerGroupRequest("local", "shop-web-v000", image.id, Capacity(0, 0, 0))
    cloud.server_groups.create("main", request, "t")
    inventory.refresh("main", "local")
    with pytest.raises(Conflict, match="still has 1 server group"):
        applications.delete(alice, shop)
    cloud.server_groups.destroy("main", "local", "shop-web-v000")
    cloud.advance()
    inventory.refresh("main", "local")
    applications.delete(alice, shop)
    assert not Application.objects.exists()
    assert AuditEntry.objects.get().action == "application.delete"
