"""What people change on cluster pages, and what they are told when it cannot be."""

import io

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from clusters.core.values import Health
from clusters.models import Application, AuditEntry, ServerGroup
from clusters.providers.memory import MemoryCloud
from spinnaker_web import demo_package
from spinnaker_web.access import tokens
from tests import world

BALANCER = {
    "place": "test/local", "name": "shop-new", "port": "9001", "protocol": "HTTP", "check_protocol": "HTTP",
    "path": "/ready", "interval": "1", "timeout": "1", "healthy_threshold": "1", "unhealthy_threshold": "2",
    "is_enabled": "on", "security_groups": "",
}  # fmt: skip
FIREWALL = {"place": "test/local", "name": "shop-office", "description": "The office", "rules": "10.0.0.0/8 tcp 80-443"}


def test_an_application_is_created_changed_and_deleted(ana: Client) -> None:
    made = ana.post("/apps/new", {"name": "books", "owner_role": "storefront", "owner_email": "b@example.org"})
    assert made.headers["Location"] == "/apps/books/clusters"
    settings = {"version": 1, "owner_email": "new@example.org", "description": "sells"}
    assert ana.post("/apps/books/settings/attributes", settings).status_code == 302
    assert "* eu-west-1 web *" not in ana.get("/apps/books/settings").text
    guarded = settings | {"version": 2, "guards": "* eu-west-1 web *"}
    assert ana.post("/apps/books/settings/attributes", guarded).status_code == 302
    assert "* eu-west-1 web *" in ana.get("/apps/books/settings").text
    stale = ana.post("/apps/books/settings/attributes", settings)
    assert stale.status_code == 422
    assert "Somebody else changed this application" in stale.text
    role = Group.objects.get(name="readers").pk
    rights = {"version": 3, "owner_role": "storefront", f"role_{role}": ["READ", "EXECUTE"]}
    assert ana.post("/apps/books/settings/permissions", rights).status_code == 302
    assert Application.objects.get(name="books").permissions.count() == 2
    assert ana.post("/apps/books/settings/delete", {"name": "book"}).status_code == 422
    assert ana.post("/apps/books/settings/delete", {"name": "books"}).headers["Location"] == "/apps"
    assert not Application.objects.filter(name="books").exists()


def test_an_application_is_not_deleted_while_something_runs_in_it(ana: Client) -> None:
    answer = ana.post("/apps/shop/settings/delete", {"name": "shop"})
    assert answer.status_code == 409
    assert Application.objects.filter(name="shop").exists()


@pytest.mark.parametrize(
    ("url", "data"),
    [
        ("settings/attributes", {"version": 1, "owner_email": "", "description": ""}),
        ("settings/permissions", {"version": 1, "owner_role": "storefront"}),
        ("settings/delete", {"name": "shop"}),
        ("load-balancers/new", BALANCER),
        ("load-balancers/prod/eu-west-1/shop-prod-web/delete", {}),
        ("firewalls/new", FIREWALL),
        ("firewalls/prod/eu-west-1/shop-prod/delete", {}),
        ("clusters/prod/eu-west-1/shop-prod-web-v018/disable", {"seen": "4/4/8/0/0"}),
    ],
)
def test_a_reader_changes_nothing_and_a_stranger_finds_nothing(url: str, data, ben: Client, mallory: Client) -> None:
    assert ben.post(f"/apps/shop/{url}", data).status_code in (403, 422)
    assert mallory.post(f"/apps/shop/{url}", data).status_code == 404
    assert AuditEntry.objects.count() == 0


def test_a_name_that_is_taken_is_said_at_its_field(ana: Client) -> None:
    answer = ana.post("/apps/new", {"name": "SHOP", "owner_role": "storefront"})
    assert answer.status_code == 422
    assert 'href="#id_name"' in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_a_package_is_uploaded_by_form(ana: Client, cloud: MemoryCloud) -> None:
    archive = SimpleUploadedFile("shop.tar.gz", demo_package.build("3.0"))
    data = {"account": "test", "name": "shop", "version": "3.0", "archive": archive}
    assert ana.post("/apps/shop/packages", data).status_code == 302
    assert [package.version for package in cloud.packages.list()] == ["3.0"]
    bad = ana.post("/apps/shop/packages", data | {"version": "4", "archive": SimpleUploadedFile("x", b"no archive")})
    assert bad.status_code == 422
    assert "id_archive_error" in bad.text


@pytest.fixture
def program(ana: Client) -> Client:
    token = tokens.make(User.objects.get(username="ana"), "CI")
    return Client(headers={"Authorization": f"Bearer {token}"}, enforce_csrf_checks=True)


def put(program: Client, path: str, body: bytes):
    return program.put(path, io.BytesIO(body).getvalue(), content_type="application/gzip")


def test_a_program_puts_a_package_once_and_the_same_bytes_again(program: Client, cloud: MemoryCloud) -> None:
    path, archive = "/packages/shop/3.0?account=test", demo_package.build("3.0")
    first = put(program, path, archive)
    assert (first.status_code, first.json()["version"]) == (201, "3.0")
    assert put(program, path, archive).status_code == 200
    other = put(program, path, demo_package.build("3.1"))
    assert (other.status_code, other.json()["field"]) == (409, "version")
    assert len(AuditEntry.objects.filter(via="api")) == 2


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/packages/shop/3.0?account=test", b"no archive", 422, "archive"),
        ("/packages/Shop!/3.0?account=test", None, 422, "name"),
        ("/packages/shop/3.0", None, 422, "account"),
        ("/packages/shop/3.0?account=nowhere", None, 422, "account"),
    ],
)
def test_what_is_wrong_with_a_package_is_told_with_its_field(
    program: Client, path: str, body: bytes | None, status: int, field: str
) -> None:
    answer = put(program, path, body if body is not None else demo_package.build("3.0"))
    assert (answer.status_code, answer.json()["field"]) == (status, field)


def test_a_package_that_is_too_big_is_refused_before_it_is_read(program: Client, settings) -> None:
    settings.PACKAGE_MAX_BYTES = 10
    assert put(program, "/packages/shop/3.0?account=test", b"x" * 11).status_code == 413


def test_somebody_without_write_on_the_account_puts_no_package(ben: Client) -> None:
    assert ben.put("/packages/shop/3.0?account=test", b"x").status_code == 403


def test_an_image_is_shown_with_where_it_runs(ana: Client) -> None:
    page = ana.get("/apps/shop/images").text
    assert "shop-1.9.0" in page
    assert "shop-prod-web-v019" in page
    assert "No image matches" in ana.get("/apps/shop/images?q=nothing").text


def test_a_group_of_hundreds_is_drawn_as_one_bar(ana: Client) -> None:
    world.server_group(world.PROD, world.EAST, "shop-big-v001", "1", [Health.UP] * 199 + [Health.DOWN])
    page = ana.get("/apps/shop/clusters?q=shop-big").text
    assert page.count('class="sq ') == 0
    assert "199 of 200 up" in page


def test_a_server_group_that_is_gone_is_told_and_the_page_stands(ana: Client) -> None:
    ServerGroup.objects.filter(name="shop-prod-web-v018").delete()
    page = ana.get("/apps/shop/clusters?open=prod/eu-west-1/shop-prod-web-v018")
    assert page.status_code == 200
    assert "is gone" in page.text
