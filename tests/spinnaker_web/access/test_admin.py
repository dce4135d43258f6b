"""People and roles in the administration: who may change them, and what the audit keeps of it."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from clusters.models import AuditEntry
from spinnaker_web.access import tokens
from spinnaker_web.access.models import ApiToken


@pytest.fixture
def root(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def fields_of(user: User, **changes: object) -> dict[str, object]:
    joined = user.date_joined
    form = {
        "username": user.username,
        "date_joined_0": f"{joined:%Y-%m-%d}",
        "date_joined_1": f"{joined:%H:%M:%S}",
        "is_active": "on",
    }
    return form | changes


def test_giving_somebody_a_role_is_audited_with_what_was_before(root: Client, ana: User) -> None:
    owners = Group.objects.create(name="owners")
    page = reverse("admin:auth_user_change", args=[ana.pk])
    answer = root.post(page, fields_of(ana, groups=[owners.pk], is_staff="on"))
    assert answer.status_code == 302, answer.content
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.via, entry.action, entry.object_id) == ("root", "admin", "user.update", "ana")
    assert (entry.before["roles"], entry.before["is_staff"]) == ([], False)
    assert (entry.after["roles"], entry.after["is_staff"]) == (["owners"], True)


def test_a_new_password_is_audited_and_not_kept(root: Client, ana: User) -> None:
    page = reverse("admin:auth_user_password_change", args=[ana.pk])
    root.post(page, {"password1": "tr0ub4dor and three", "password2": "tr0ub4dor and three", "usable_password": "true"})
    ana.refresh_from_db()
    assert ana.check_password("tr0ub4dor and three")
    entry = AuditEntry.objects.get()
    assert entry.action == "user.update"
    assert "tr0ub4dor" not in str([entry.before, entry.after])


def test_making_and_deleting_a_role_or_a_person_is_audited(root: Client, ana: User) -> None:
    root.post(reverse("admin:auth_group_add"), {"name": "owners"})
    root.post(reverse("admin:auth_group_delete", args=[Group.objects.get().pk]), {"post": "yes"})
    root.post(reverse("admin:auth_user_delete", args=[ana.pk]), {"post": "yes"})
    actions = list(AuditEntry.objects.order_by("id").values_list("action", "object_id"))
    assert actions == [("group.create", "owners"), ("group.delete", "owners"), ("user.delete", "ana")]
    assert AuditEntry.objects.get(action="user.delete").before["roles"] == []


def test_taking_a_token_away_is_audited(root: Client, ana: User) -> None:
    tokens.make(ana, "CI")
    root.post(reverse("admin:access_apitoken_delete", args=[ApiToken.objects.get().pk]), {"post": "yes"})
    assert AuditEntry.objects.order_by("id").last().action == "apitoken.delete"


def test_staff_cannot_make_themselves_superusers(as_ana: Client, ana: User) -> None:
    ana.is_staff = True
    ana.save()
    ana.user_permissions.set(Permission.objects.filter(content_type__app_label="auth"))
    page = reverse("admin:auth_user_change", args=[ana.pk])
    assert as_ana.get(page).status_code == 200
    assert as_ana.post(page, fields_of(ana, is_superuser="on", is_staff="on")).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[ana.pk])
    assert as_ana.post(password, {"password1": "x", "password2": "x"}).status_code == 403
    assert as_ana.post(reverse("admin:auth_group_add"), {"name": "owners"}).status_code == 403
    ana.refresh_from_db()
    assert not ana.is_superuser
