"""The cast of tests/world.py, signed in: ana may do everything in shop, ben may look, mallory has no role."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from clusters.models import Application
from clusters.providers import PROVIDERS
from clusters.providers.memory import MemoryCloud
from tests import world


@pytest.fixture
def cloud() -> Iterator[MemoryCloud]:
    PROVIDERS["memory"] = cloud = MemoryCloud(auto=False)
    yield cloud
    del PROVIDERS["memory"]


@pytest.fixture
def shop(db: None, cloud: MemoryCloud) -> Application:
    return world.build()


def signed_in(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=name))
    return client


@pytest.fixture
def ana(shop: Application) -> Client:
    return signed_in("ana")


@pytest.fixture
def ben(shop: Application) -> Client:
    return signed_in("ben")


@pytest.fixture
def mallory(shop: Application) -> Client:
    return signed_in("mallory")
