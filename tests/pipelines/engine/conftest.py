"""An engine on the real database, with stage types made up for a test beside the real ones."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from clusters.models import Application
from clusters.trust.permissions import actor_of
from pipelines import stages
from pipelines.core.definition import read
from pipelines.engine import admit
from pipelines.engine.drive import drive
from pipelines.models import Execution


@pytest.fixture
def admin(transactional_db):
    return actor_of(get_user_model().objects.create_superuser("ada"))


@pytest.fixture
def application(transactional_db):
    return Application.objects.create(name="shop")


@pytest.fixture
def begin(application, admin):
    """begin(stage, stage, …) -> a new execution of these stages."""

    def begin(*stage_documents, **admission):
        numbered = [{"refId": str(n), **stage} for n, stage in enumerate(stage_documents, start=1)]
        document = {"name": "Try", "stages": numbered}
        wish = admit.Admission(application.name, read(document), document, admin, **admission)
        return admit.admit(wish)[0]

    return begin


@pytest.fixture
def stage_type(monkeypatch):
    """stage_type(one): have the engine know this stage type too."""

    def add(one):
        monkeypatch.setitem(stages.STAGE_TYPES, one.key, one)

    return add


def driven(execution: Execution) -> Execution:
    drive(execution.pk)
    return Execution.objects.get(pk=execution.pk)
