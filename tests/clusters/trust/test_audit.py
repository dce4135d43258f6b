import pytest
from django.db import DatabaseError, connection, transaction

from clusters.models import Application, AuditEntry
from clusters.trust import audit
from clusters.trust.permissions import Actor
from clusters.trust.redaction import MASK

ANN = Actor(1, "ann", via="api")


@pytest.mark.django_db(transaction=True)
def test_an_entry_needs_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        audit.record(ANN, "application.create", ("application", "shop"))


@pytest.mark.django_db
def test_an_entry_tells_who_what_and_whence_without_secrets() -> None:
    token = audit.REQUEST.set(audit.Request("r-1", "10.0.0.1"))
    application = Application.objects.create(name="shop")
    audit.record(ANN, "application.update", application, {"a": 1}, {"password": "hunter2"}, application="shop")
    audit.REQUEST.reset(token)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.via, entry.action) == ("ann", "api", "application.update")
    assert (entry.object_type, entry.object_id, entry.application) == ("application", "shop", "shop")
    assert (entry.before, entry.after) == ({"a": 1}, {"password": MASK})
    assert (entry.request_id, entry.address, entry.result) == ("r-1", "10.0.0.1", "done")


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["UPDATE clusters_auditentry SET actor = 'eve'", "DELETE FROM clusters_auditentry"])
def test_the_database_refuses_to_alter_an_entry_except_when_pruning(change: str) -> None:
    audit.record(ANN, "x", ("application", "shop"))
    with connection.cursor() as cursor:
        with pytest.raises(DatabaseError, match="cannot be changed"), transaction.atomic():
            cursor.execute(change)
        cursor.execute("SET LOCAL spinnaker.pruning = 'on'")
        cursor.execute(change)
        assert cursor.rowcount == 1
