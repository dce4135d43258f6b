import pytest
from django.contrib.auth.models import AnonymousUser, Group, User

from clusters.models import Account, AccountPermission, Application, ApplicationPermission
from clusters.trust.permissions import SYSTEM, Actor, Authorization, Refused, actor_named, actor_of, allows, require

pytestmark = pytest.mark.django_db
READ, WRITE, EXECUTE = Authorization


def actor(*roles: str, is_superuser: bool = False) -> Actor:
    return Actor(1, "ann", frozenset(roles), is_superuser)


@pytest.fixture
def roles() -> dict[str, Group]:
    return {name: Group.objects.create(name=name) for name in ("owner", "reader", "writer", "runner", "other")}


@pytest.fixture
def guarded(roles: dict[str, Group]) -> Application:
    application = Application.objects.create(name="shop", owner_role=roles["owner"])
    for role, authorization in (("reader", READ), ("writer", WRITE), ("runner", EXECUTE)):
        ApplicationPermission.objects.create(application=application, role=roles[role], authorization=authorization)
    return application


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("owner", {READ, WRITE, EXECUTE}),
        ("reader", {READ}),
        ("writer", {READ, WRITE}),
        ("runner", {READ, EXECUTE}),
        ("other", set()),
    ],
)
def test_a_role_allows_what_is_granted_and_read_with_it(guarded: Application, role: str, allowed: set) -> None:
    assert {authorization for authorization in Authorization if allows(actor(role), authorization, guarded)} == allowed
    assert Application.objects.visible_to(actor(role)).exists() == (READ in allowed)


def test_without_grants_only_the_owners_and_superusers_get_in(roles: dict[str, Group]) -> None:
    owned = Application.objects.create(name="owned", owner_role=roles["owner"])
    nobodys = Application.objects.create(name="nobodys")
    assert allows(actor("owner"), WRITE, owned)
    assert not allows(actor("owner"), READ, nobodys)
    assert allows(actor(is_superuser=True), WRITE, nobodys)
    assert list(Application.objects.visible_to(actor("owner"))) == [owned]


def test_an_account_without_grants_is_for_superusers(roles: dict[str, Group]) -> None:
    account = Account.objects.create(name="main", provider="local")
    assert not allows(actor("owner"), READ, account)
    assert not Account.objects.visible_to(actor("owner")).exists()
    assert allows(actor(is_superuser=True), WRITE, account)
    AccountPermission.objects.create(account=account, role=roles["owner"], authorization=WRITE)
    assert allows(actor("owner"), READ, account)
    assert list(Account.objects.visible_to(actor("owner"))) == [account]


@pytest.mark.parametrize("who", [SYSTEM, Actor(None, "anonymous")])
def test_system_and_nobody_may_do_nothing(guarded: Application, who: Actor) -> None:
    assert not any(allows(who, authorization, guarded) for authorization in Authorization)


def test_a_refusal_is_a_sentence(guarded: Application) -> None:
    with pytest.raises(Refused, match=r"^ann lacks WRITE on application shop\.$"):
        require(actor("reader"), WRITE, guarded)


def test_an_actor_carries_the_roles_of_the_user(roles: dict[str, Group]) -> None:
    person = User.objects.create(username="ann")
    person.groups.add(roles["reader"], roles["runner"])
    assert actor_of(person, "api") == Actor(person.pk, "ann", frozenset({"reader", "runner"}), False, "api")
    assert actor_named("ann", "cron") == Actor(person.pk, "ann", frozenset({"reader", "runner"}), False, "cron")


def test_whoever_left_or_never_came_holds_nothing(roles: dict[str, Group]) -> None:
    person = User.objects.create(username="ann", is_active=False, is_superuser=True)
    person.groups.add(roles["owner"])
    for who in (actor_of(person), actor_named("ann", "ui"), actor_named("ghost", "ui"), actor_of(AnonymousUser())):
        assert not who.roles
        assert not who.is_superuser
