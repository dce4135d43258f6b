import pytest
from django.contrib.auth.models import User
from django.test import Client

PASSWORD = "a password for tests only"


@pytest.fixture
def ana(db: None) -> User:
    return User.objects.create_user("ana", password=PASSWORD)


@pytest.fixture
def as_ana(ana: User) -> Client:
    client = Client()
    client.force_login(ana)
    return client
