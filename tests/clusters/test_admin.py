import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clusters import inventory
from clusters.admin import ReadOnlyAdmin
from clusters.core import values
from clusters.core.values import Capacity
from clusters.models import Account, Application, AuditEntry, Secret
from clusters.providers.memory import MemoryCloud
from clusters.trust.permissions import Actor

pytestmark = pytest.mark.django_db
MODELS = [model for model in admin.site._registry if model._meta.app_label == "clusters"]


@pytest.fixture
def browser(client: Client, root: Actor) -> Client:
    User.objects.filter(username="root").update(is_staff=True)
    client.force_login(User.objects.get(username="root"))
    return client


@pytest.fixture
def full(cloud: MemoryCloud, account: Account, shop: Application, image: values.Image) -> MemoryCloud:
    request = values.ServerGroupRequest("local", "shop-web-v000", image.id, Capacity(0, 3, 3))
    cloud.server_groups.create("main", request, "t")
    cloud.advance(2)
    inventory.refresh("main", "local")
    return cloud


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_list_is_shown_and_searched(browser: Client, full: MemoryCloud, model: type) -> None:
    url = reverse(f"admin:clusters_{model._meta.model_name}_changelist")
    assert browser.get(url).status_code == 200
    assert browser.get(url, {"q": "shop"}).status_code == 200
    may_add = browser.get(reverse(f"admin:clusters_{model._meta.model_name}_add")).status_code == 200
    assert may_add == (model in (Account, Application, Secret))


def test_what_providers_and_the_audit_wrote_is_only_to_read() -> None:
    editable = {model for model in MODELS if not isinstance(admin.site._registry[model], ReadOnlyAdmin)}
    assert editable == {Account, Application, Secret}


def test_a_longer_list_takes_no_more_queries(browser: Client, full: MemoryCloud, image: values.Image) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as executed:
            browser.get(reverse("admin:clusters_instance_changelist"))
        return len(executed)

    count()  # the first request of a session writes it
    few = count()
    request = values.ServerGroupRequest("local", "shop-web-v001", image.id, Capacity(0, 20, 20))
    full.server_groups.create("main", request, "u")
    full.advance(2)
    inventory.refresh("main", "local")
    assert count() == few


def test_a_change_by_an_administrator_is_audited(browser: Client, account: Account) -> None:
    readers = Group.objects.get(name="readers")
    data = {
        "provider": "memory",
        "regions": '["local", "mars"]',
        "config": "{}",
        "is_enabled": "on",
        "permissions-TOTAL_FORMS": "1",
        "permissions-INITIAL_FORMS": "0",
        "permissions-0-account": account.pk,
        "permissions-0-role": readers.pk,
        "permissions-0-authorization": "WRITE",
    }
    answer = browser.post(reverse("admin:clusters_account_change", args=[account.pk]), data)
    assert answer.status_code == 302, answer.content
    account.refresh_from_db()
    assert account.regions == ["local", "mars"]
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.via, entry.action, entry.object_id) == ("root", "admin", "account.update", "main")
    assert "Authorization" in str(entry.after) or "permission" in str(entry.after)


@pytest.mark.parametrize(
    ("provider", "regions", "config", "field", "message"),
    [
        ("aws", '["Ireland"]', "{}", "regions", "&#x27;Ireland&#x27; is not the name of a region"),
        ("aws", '["eu-west-1"]', '{"secret_key": "x"}', "config", "config.secret_key: Extra inputs are not permitted"),
        ("aws", '["eu-west-1"]', '{"role_arn": "arn:aws:iam::123456789012:role/x"}', "config", "needs an external_id"),
        ("aws", '["eu-west-1"]', '{"endpoint": "https://169.254.169.254"}', "config", "which is not allowed"),
        ("local", '["eu-west-1"]', "{}", "regions", "this cloud has one region"),
    ],
)
def test_an_account_that_its_cloud_would_not_understand_is_refused(
    browser: Client, account: Account, provider: str, regions: str, config: str, field: str, message: str
) -> None:
    formset = {"permissions-TOTAL_FORMS": "0", "permissions-INITIAL_FORMS": "0"}
    data = {"provider": provider, "regions": regions, "config": config, "is_enabled": "on", **formset}
    answer = browser.post(reverse("admin:clusters_account_change", args=[account.pk]), data)
    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [field]
    assert message in answer.content.decode()
