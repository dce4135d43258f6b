import io
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile

from clusters import forms, inventory
from clusters.core import values
from clusters.core.guarding import Guard
from clusters.models import Account, Application, LoadBalancer, SecurityGroup
from clusters.operations import applications, load_balancers, packages, security_groups
from clusters.trust.permissions import Actor, Authorization
from spinnaker_web import demo_package

pytestmark = pytest.mark.django_db

BALANCER = {
    "is_enabled": "on",
    "place": "main/local",
    "name": "shop-web",
    "port": "8080",
    "protocol": "HTTP",
    "check_protocol": "HTTP",
    "path": "/health",
    "interval": "0.5",
    "timeout": "1",
    "healthy_threshold": "1",
    "unhealthy_threshold": "2",
    "security_groups": "",
}


def shown(form: Any) -> dict[str, Any]:
    """What a browser sends back when a person changes nothing."""
    return {bound.html_name: bound.value() for bound in form if bound.value() is not None}


def test_a_new_application_goes_to_one_of_the_roles_of_the_person(alice: Actor) -> None:
    form = forms.ApplicationForm({"name": "cart", "owner_role": "owners"}, actor=alice)
    assert form.is_valid()
    assert applications.create(alice, **form.values).owner_role == Group.objects.get(name="owners")
    assert not forms.ApplicationForm({"name": "cart", "owner_role": "readers"}, actor=alice).is_valid()


def test_a_superuser_may_leave_the_owner_open(root: Actor) -> None:
    form = forms.ApplicationForm({"name": "cart", "owner_role": ""}, actor=root)
    assert form.is_valid()
    assert applications.create(root, **form.values).owner_role is None


def test_settings_and_permissions_come_back_as_they_were_shown(alice: Actor, shop: Application) -> None:
    settings = forms.ApplicationSettingsForm(
        shown(forms.ApplicationSettingsForm(application=shop)) | {"description": "sells"}, application=shop
    )
    assert settings.is_valid()
    applications.update(alice, shop, **settings.values)
    data = shown(forms.PermissionsForm(application=shop, actor=alice))
    data[f"role_{Group.objects.get(name='owners').pk}"] = ["EXECUTE"]
    permissions = forms.PermissionsForm(data, application=shop, actor=alice)
    assert permissions.is_valid()
    changed = applications.update(alice, shop, **permissions.values)
    assert (changed.version, changed.description) == (3, "sells")
    assert sorted(shop.permissions.values_list("role__name", "authorization")) == [
        ("owners", "EXECUTE"),
        ("readers", "READ"),
    ]
    assert Authorization.EXECUTE in {grant for _, grant in permissions.values["grants"]}


def test_a_load_balancer_is_made_and_edited_in_its_place(account: Account, alice: Actor, shop: Application) -> None:
    form = forms.LoadBalancerForm(BALANCER, actor=alice)
    assert form.is_valid(), form.errors
    assert form.request.health_check == values.HealthCheck(path="/health", interval=0.5)
    load_balancers.upsert(alice, load_balancers.intend_upsert(alice, form.account, form.request))
    row = LoadBalancer.objects.get()
    again = shown(forms.LoadBalancerForm(actor=alice, existing=row)) | {"name": "other", "port": "9090"}
    edited = forms.LoadBalancerForm(again, actor=alice, existing=row)
    assert edited.is_valid(), edited.errors
    assert (edited.request.name, edited.request.listener.port, edited.request.region) == ("shop-web", 9090, "local")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"path": "health"}, "path"),
        ({"interval": "0"}, "interval"),
        ({"healthy_threshold": "0"}, "healthy_threshold"),
        ({"port": "70000"}, "port"),
        ({"place": "main/mars"}, "place"),
    ],
)
def test_what_a_load_balancer_cannot_be_is_said_at_its_field(
    account: Account, alice: Actor, change: dict, field: str
) -> None:
    assert list(forms.LoadBalancerForm(BALANCER | change, actor=alice).errors) == [field]


def test_only_accounts_one_may_deploy_into_are_offered(account: Account, alice: Actor, bob: Actor) -> None:
    assert forms.PackageForm(actor=alice).fields["account"].choices == [("main", "main")]
    assert forms.PackageForm(actor=bob).fields["account"].choices == []
    assert "place" in forms.LoadBalancerForm(BALANCER, actor=bob).errors


def test_rules_are_lines(account: Account, alice: Actor, shop: Application) -> None:
    data = {
        "place": "main/local",
        "name": "shop",
        "rules": "10.0.0.0/8 tcp 80-443\n\n127.0.0.1/32 all 0-65535\ngroup:web tcp 22\n",
    }
    form = forms.SecurityGroupForm(data, actor=alice)
    assert form.is_valid(), form.errors
    given = form.cleaned_data
    assert given["rules"] == (
        values.Rule("10.0.0.0/8", 80, 443),
        values.Rule("127.0.0.1/32", 0, 65535, "all"),
        values.Rule("", 22, 22, group="web"),
    )
    wish = form.account, form.region, given["name"], given["rules"], given["description"]
    security_groups.upsert(alice, security_groups.intend_upsert(alice, *wish))
    inventory.refresh("main", "local")
    again = forms.SecurityGroupForm(actor=alice, existing=SecurityGroup.objects.get())
    assert "group:web tcp 22-22" in again.initial["rules"]
    assert forms.SecurityGroupForm(shown(again), actor=alice, existing=SecurityGroup.objects.get()).is_valid()
    for line in ("10.0.0.1/8 tcp 80", "everybody", "10.0.0.0/8 tcp 443-80"):
        assert list(forms.SecurityGroupForm(data | {"rules": line}, actor=alice).errors) == ["rules"]


def test_an_upload_is_read(account: Account, alice: Actor) -> None:
    archive = SimpleUploadedFile("shop.tar.gz", demo_package.build("1.0"))
    form = forms.PackageForm({"account": "main", "name": "shop", "version": "1.0"}, {"archive": archive}, actor=alice)
    assert form.is_valid()
    assert packages.put(alice, **form.cleaned_data | {"archive": io.BytesIO(archive.read())}).size > 0


def test_traffic_guards_are_written_one_a_line(alice: Actor, shop: Application) -> None:
    typed = {"version": 1, "guards": "prod eu-west-1 web *\n\n * * - - off "}
    form = forms.ApplicationSettingsForm(typed, application=shop)
    assert form.is_valid(), form.errors
    assert form.values["guards"] == [Guard("prod", "eu-west-1", "web", "*"), Guard("*", "*", is_enabled=False)]
    applications.update(alice, shop, **form.values)
    again = shown(forms.ApplicationSettingsForm(application=shop))
    assert again["guards"].splitlines() == ["* * - - off", "prod eu-west-1 web *"]
    for line in ("prod eu-west-1 web", "prod eu-west-1 web * on", "- * web *"):
        wrong = forms.ApplicationSettingsForm({"version": 1, "guards": line}, application=shop)
        assert f"“{line}” does not read like" in str(wrong.errors["guards"])
    untouched = forms.ApplicationSettingsForm({"version": 1}, application=shop)
    assert untouched.is_valid()
    assert untouched.values["guards"] is None
