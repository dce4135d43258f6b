"""The cast: alice owns shop, bob may read it, rita may run it, charlie is a stranger. One pipeline that waits, then asks."""

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from clusters.models import Application, ApplicationPermission
from clusters.trust.permissions import Actor, actor_of
from pipelines import operations
from pipelines.engine.drive import drive
from pipelines.models import Execution, Pipeline

DOCUMENT = {
    "name": "Release",
    "parameterConfig": [
        {"name": "version", "label": "Version", "required": True, "description": "What to release"},
        {"name": "env", "default": "test", "hasOptions": True, "options": [{"value": "test"}, {"value": "prod"}]},
    ],
    "stages": [
        {"refId": "1", "type": "wait", "name": "Settle", "waitTime": 0, "requisiteStageRefIds": []},
        {
            "refId": "2",
            "type": "manualJudgment",
            "name": "Go live?",
            "instructions": "See https://example.org/board <b>first</b>",
            "judgmentInputs": [{"value": "slowly"}, {"value": "at once"}],
            "requisiteStageRefIds": ["1"],
        },
        {"refId": "3", "type": "wait", "name": "Cool down", "waitTime": 600, "requisiteStageRefIds": ["2"]},
    ],
}


def person(name: str, role: str, **more: bool) -> User:
    user = User.objects.create(username=name, **more)
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    return user


@pytest.fixture
def shop(db: None) -> Application:
    owners, readers, runners = (Group.objects.get_or_create(name=name)[0] for name in ("owners", "readers", "runners"))
    shop = Application.objects.create(name="shop", owner_email="shop@example.org", owner_role=owners)
    ApplicationPermission.objects.create(application=shop, role=readers, authorization="READ")
    ApplicationPermission.objects.create(application=shop, role=runners, authorization="EXECUTE")
    return shop


@pytest.fixture
def alice(shop: Application) -> User:
    return person("alice", "owners")


@pytest.fixture
def bob(shop: Application) -> User:
    return person("bob", "readers")


@pytest.fixture
def rita(shop: Application) -> User:
    return person("rita", "runners")


@pytest.fixture
def charlie(db: None) -> User:
    return person("charlie", "others")


@pytest.fixture
def as_user(client: Client) -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        client.force_login(user)
        return client

    return sign_in


def save(alice: User, shop: Application, **changes: object) -> Pipeline:
    return operations.save_pipeline(actor_of(alice), shop, json.dumps(DOCUMENT | changes, indent=2)).pipeline


@pytest.fixture
def release(alice: User, shop: Application) -> Pipeline:
    return save(alice, shop)


def begin(user: User | Actor, pipeline: Pipeline, **parameters: str) -> Execution:
    """Start it and let it go as far as it goes by itself: to the judgment."""
    actor = user if isinstance(user, Actor) else actor_of(user)
    execution = operations.start(actor, pipeline, parameters=parameters or {"version": "1.0"})
    return moved(execution)


def moved(execution: Execution) -> Execution:
    while drive(execution.pk) and Execution.objects.filter(pk=execution.pk, due_at__lte=_now()).exists():
        pass
    execution.refresh_from_db()
    return execution


def _now() -> object:
    from pipelines.engine.admit import engine_now

    return engine_now()


@pytest.fixture
def asking(alice: User, release: Pipeline) -> Execution:
    """An execution that waits for an answer to stage 2."""
    return begin(alice, release)
