"""Every page about clusters: who sees it, how many queries it takes, and that it stands without anybody's slots."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import resolve, reverse

from clusters import slots
from clusters.core.scaling import PolicyKind, Scaling, ScalingPolicy, ScheduledAction
from clusters.core.values import Health
from clusters.models import Account, AccountPermission, Application, Freshness, Instance, Kind, ServerGroup
from clusters.trust.permissions import WRITE
from clusters.urls import urlpatterns
from tests import world

PLACE = ("shop", world.PROD, world.WEST)
#: Addresses with the most queries each may take.
PAGES = {
    "/apps": 12,
    "/apps/new": 12,
    "/apps/shop/clusters": 15,
    "/apps/shop/clusters?open=prod/eu-west-1/shop-prod-worker-v031": 26,
    "/apps/shop/clusters/prod/eu-west-1/shop-prod-worker-v031": 19,
    "/apps/shop/clusters/prod/eu-west-1/shop-prod-worker-v031/resize": 18,
    "/apps/shop/clusters/prod/eu-west-1/shop-prod-worker-v031/destroy": 60,  # with a rehearsal
    "/apps/shop/load-balancers": 12,
    "/apps/shop/load-balancers/prod/eu-west-1/shop-prod-web": 12,
    "/apps/shop/load-balancers/prod/eu-west-1/shop-prod-web/edit": 12,
    "/apps/shop/load-balancers/prod/eu-west-1/shop-prod-web/delete": 30,  # with a rehearsal
    "/apps/shop/load-balancers/new": 12,
    "/apps/shop/firewalls": 12,
    "/apps/shop/firewalls/prod/eu-west-1/shop-prod": 12,
    "/apps/shop/firewalls/prod/eu-west-1/shop-prod/edit": 12,
    "/apps/shop/firewalls/prod/eu-west-1/shop-prod/delete": 30,
    "/apps/shop/firewalls/new": 12,
    "/apps/shop/images": 12,
    "/apps/shop/settings": 13,
}
FOR_EVERYBODY = ("/apps", "/apps/new")
FOR_WRITERS = ("/resize", "/destroy", "/edit", "/delete", "/load-balancers/new", "/firewalls/new")


@pytest.mark.parametrize("url", PAGES)
def test_a_page_is_open_to_those_who_may_see_it(url: str, ana: Client, ben: Client, mallory: Client) -> None:
    assert ana.get(url).status_code == 200
    assert ben.get(url).status_code == (403 if url.endswith(FOR_WRITERS) else 200)
    assert mallory.get(url).status_code == (200 if url in FOR_EVERYBODY else 404)
    assert Client().get(url)["Location"].startswith("/login?next=/apps")


@pytest.mark.parametrize("url", PAGES)
def test_a_page_takes_as_many_queries_for_many_rows_as_for_few(
    url: str, ana: Client, django_assert_max_num_queries
) -> None:
    ana.get(url)
    with django_assert_max_num_queries(PAGES[url]) as few:
        ana.get(url)
    for number in range(50):
        world.server_group(world.PROD, world.EAST, f"shop-s{number}-v001", "1.0.0", [Health.UP, Health.DOWN])
        world.application(f"other{number}", "storefront")
        world.load_balancer(world.PROD, world.EAST, f"shop-s{number}")
        world.firewall(world.PROD, world.EAST, f"shop-f{number}", "", [("10.0.0.0/8", 80, 80)])
    with django_assert_max_num_queries(len(few)):
        ana.get(url)


@pytest.mark.parametrize("url", [url for url in PAGES if not url.endswith(FOR_WRITERS)])
def test_a_page_stands_with_all_slots_empty(url: str, ana: Client, monkeypatch) -> None:
    for name in slots.SLOTS:
        monkeypatch.setitem(slots.SLOTS, name, [])
    assert ana.get(url).status_code == 200


def test_every_named_page_of_clusters_is_in_the_table_above() -> None:
    posts = {"attributes", "permissions", "application_delete", "package_upload", "package"}
    redirects = {"home", "application"}
    elsewhere = {"instance"}  # below: its id is not known before
    shown = {resolve(url.partition("?")[0]).url_name for url in PAGES}
    assert {pattern.name for pattern in urlpatterns} - posts - redirects - elsewhere <= shown


def test_an_instance_says_what_each_source_says_and_what_it_printed(ana: Client, ben: Client, mallory: Client) -> None:
    down = Instance.objects.filter(health="Down").first()
    group = down.server_group
    url = reverse("clusters:instance", args=["shop", group.account_id, group.region, group.name, down.instance_id])
    page = ana.get(url)
    assert page.status_code == ben.get(url).status_code == 200
    assert mallory.get(url).status_code == 404
    assert "GET /ready answered 503" in page.text
    assert "There is no log" in page.text  # the cloud knows nothing of this row, and the page stands


def test_a_server_group_says_what_changes_its_size(ben: Client) -> None:
    url = "/apps/shop/clusters/prod/eu-west-1/shop-prod-worker-v031"
    assert "<h2>Scaling</h2>" not in ben.get(url).text
    row = ServerGroup.objects.filter(name="shop-prod-worker-v031")
    settings = {"adjustmentType": "ChangeInCapacity", "scalingAdjustment": 2}
    policy = ScalingPolicy("<busy>", PolicyKind.SIMPLE, settings)
    night = ScheduledAction("night", "0 22 * * *", desired=0)
    row.update(scaling=Scaling((policy,), (night,)).as_json())
    page = ben.get(url).text
    assert "&lt;busy&gt;" in page
    assert "adds 2 instances" in page
    assert "at 0 22 * * * (UTC): desired 0" in page
    assert "&quot;scalingAdjustment&quot;: 2" in page
    row.update(scaling=Scaling(unread="AWS: not authorized").as_json())
    assert "AWS: not authorized" in ben.get(url).text


def test_an_account_that_does_not_answer_is_told_and_its_rows_stay(ana: Client) -> None:
    Freshness.objects.filter(account=world.PROD, region=world.WEST, kind=Kind.SERVER_GROUPS).update(error="timed out")
    page = ana.get("/apps/shop/clusters").text
    assert "could not be read: timed out" in page
    assert "shop-prod-web-v019" in page


def test_the_answer_to_htmx_is_the_part_alone_and_the_same_as_in_the_page(ana: Client) -> None:
    page = ana.get("/apps/shop/clusters")
    part = ana.get("/apps/shop/clusters", headers={"HX-Request": "true", "HX-Target": "clusters"})
    assert "<html" in page.text
    assert "<html" not in part.text
    assert part.text.lstrip().startswith('<div class="stack" id="clusters"')
    assert "HX-Request" in page["Vary"]


def test_clusters_are_filtered_by_the_address(ana: Client) -> None:
    page = ana.get("/apps/shop/clusters?account=test").text
    assert "shop-test-web" in page
    assert "shop-prod-web-" not in page
    assert "v031" in ana.get("/apps/shop/clusters?status=Down").text
    assert "No server group matches" in ana.get("/apps/shop/clusters?q=nothing").text


def test_a_reader_sees_no_buttons(ben: Client, shop: Application) -> None:
    for url in ("clusters?open=prod/eu-west-1/shop-prod-web-v018", "load-balancers", "firewalls", "settings", "images"):
        page = ben.get(f"/apps/shop/{url}").text
        for word in ("Destroy…", "New load balancer", "New firewall", "Save attributes", "Upload package"):
            assert word not in page


@pytest.mark.parametrize("part", ["load-balancers", "firewalls"])
def test_a_button_is_offered_to_those_who_may_press_it(part: str, ana: Client, ben: Client) -> None:
    """WRITE on the account alone does not do: the operation asks for EXECUTE on the application as well."""
    readers = Group.objects.get(name="readers")
    for account in Account.objects.all():
        AccountPermission.objects.create(account=account, role=readers, authorization=WRITE)
    one = {"load-balancers": "shop-prod-web", "firewalls": "shop-prod"}[part]
    pages = f"/apps/shop/{part}", f"/apps/shop/{part}/prod/eu-west-1/{one}"
    assert [("/new" in ana.get(page).text or "/edit" in ana.get(page).text) for page in pages] == [True, True]
    assert [("/new" in ben.get(page).text or "/edit" in ben.get(page).text) for page in pages] == [False, False]
    for form in (f"{pages[0]}/new", f"{pages[1]}/edit", f"{pages[1]}/delete"):
        answer = ben.get(form)
        assert answer.status_code == 403
        assert "ben lacks EXECUTE on application shop." in answer.text
