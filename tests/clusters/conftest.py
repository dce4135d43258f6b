"""The cast: alice owns the application and deploys, bob may read, charlie is a stranger, root may do everything."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group, User

from clusters.core import values
from clusters.models import Account, AccountPermission, Application, ApplicationPermission
from clusters.providers import PROVIDERS
from clusters.providers.memory import MemoryCloud
from clusters.trust.permissions import Actor, Authorization, actor_of

ACCOUNT, REGION = "main", "local"


@pytest.fixture
def cloud() -> Iterator[MemoryCloud]:
    cloud = MemoryCloud(auto=False)
    PROVIDERS["memory"] = cloud
    yield cloud
    del PROVIDERS["memory"]


@pytest.fixture
def account(db: None, cloud: MemoryCloud) -> Account:
    owners, readers = (Group.objects.get_or_create(name=name)[0] for name in ("owners", "readers"))
    account = Account.objects.create(name=ACCOUNT, provider="memory", regions=[REGION])
    AccountPermission.objects.create(account=account, role=owners, authorization=Authorization.WRITE)
    AccountPermission.objects.create(account=account, role=readers, authorization=Authorization.READ)
    return account


@pytest.fixture
def shop(db: None) -> Application:
    owners, readers = (Group.objects.get_or_create(name=name)[0] for name in ("owners", "readers"))
    shop = Application.objects.create(name="shop", owner_role=owners)
    ApplicationPermission.objects.create(application=shop, role=readers, authorization=Authorization.READ)
    return shop


def user(name: str, *roles: str, **more: bool) -> Actor:
    person = User.objects.create(username=name, **more)
    person.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])
    return actor_of(person)


@pytest.fixture
def alice(db: None) -> Actor:
    return user("alice", "owners")


@pytest.fixture
def bob(db: None) -> Actor:
    return user("bob", "readers")


@pytest.fixture
def charlie(db: None) -> Actor:
    return user("charlie", "others")


@pytest.fixture
def root(db: None) -> Actor:
    return user("root", is_superuser=True)


@pytest.fixture
def image(cloud: MemoryCloud) -> values.Image:
    return cloud.add_image(ACCOUNT, REGION, "shop-1.0", package="shop", version="1.0")
