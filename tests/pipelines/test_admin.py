import json

import pytest
from django.urls import reverse

from clusters.models import AuditEntry
from pipelines.models import Event, Execution, Judgment, Pipeline, Stage, Step
from tests.pipelines.views.conftest import DOCUMENT, alice, asking, person, release, shop

__all__ = ["alice", "asking", "release", "shop"]

HISTORY = [Execution, Stage, Step, Event, Judgment]


@pytest.fixture
def staff(client, db):
    client.force_login(person("root", "admins", is_staff=True, is_superuser=True))
    return client


def url(model, name, *args):
    return reverse(f"admin:pipelines_{model._meta.model_name}_{name}", args=args)


@pytest.mark.parametrize("model", HISTORY)
def test_history_is_only_to_read(staff, asking, model):
    assert staff.get(url(model, "changelist")).status_code == 200
    assert staff.get(url(model, "add")).status_code == 403
    row = model.objects.first()
    if row:
        assert staff.get(url(model, "change", row.pk)).status_code == 200
        assert staff.post(url(model, "change", row.pk), {"status": "SUCCEEDED"}).status_code == 403
        assert staff.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_a_pipeline_saved_here_is_checked_versioned_and_audited(staff, shop, release):
    page = url(Pipeline, "change", release.pk)
    assert staff.get(page).status_code == 200
    wrong = staff.post(page, {"source": json.dumps(DOCUMENT | {"stages": [{"type": "wait"}]})})
    assert "stages[0].refId" in wrong.content.decode()
    staff.post(page, {"source": json.dumps(DOCUMENT | {"name": "Renamed"})})
    release.refresh_from_db()
    assert (release.name, release.version, release.revisions.count()) == ("Renamed", 2, 2)
    assert AuditEntry.objects.filter(action="save", via="admin", actor="root").count() == 1


def test_a_pipeline_is_made_and_deleted_here(staff, shop):
    staff.post(url(Pipeline, "add"), {"application": shop.pk, "source": json.dumps(DOCUMENT)})
    pipeline = Pipeline.objects.get()
    staff.post(url(Pipeline, "delete", pipeline.pk), {"post": "yes"})
    assert not Pipeline.objects.exists()
    assert AuditEntry.objects.filter(action="delete", via="admin").exists()


def test_secrets_in_the_history_are_masked_here_as_on_the_pages(staff, asking):
    """The last part of a path is what is shown; what is stored stays as it was."""
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    stage = asking.stages.first()
    Stage.objects.filter(pk=stage.pk).update(
        context={"password": "hunter2", "note": key}, outputs={"apiKey": "hunter2"}
    )
    Execution.objects.filter(pk=asking.pk).update(
        spec={"stages": [{"secret": "hunter2"}]}, trigger={"token": "hunter2"}, message=f"seen {key}"
    )
    step = Step.objects.filter(stage__execution=asking).first()
    Step.objects.filter(pk=step.pk).update(intent={"request": {"environment": {"DB_PASSWORD": "hunter2"}}}, message=key)
    for model, pk in ((Stage, stage.pk), (Execution, asking.pk), (Step, step.pk)):
        text = staff.get(url(model, "change", pk)).text
        assert "hunter2" not in text
        assert key not in text
        assert "••••••" in text
    stage.refresh_from_db()
    assert stage.context["password"] == "hunter2"
