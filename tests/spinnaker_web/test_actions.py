"""Acting on a server group by hand: the plan, what it asks, and the execution that comes of it."""

import pytest
from django.test import Client

from clusters.core.values import Capacity, ServerGroupRequest
from clusters.models import Application, ApplicationPermission, AuditEntry, ServerGroup
from clusters.providers.memory import MemoryCloud
from pipelines.models import Execution, Stage
from tests import world
from tests.clusters.views.conftest import ana, ben, cloud, mallory, shop  # noqa: F401

WORKER = "/apps/shop/clusters/prod/eu-west-1/shop-prod-worker-v031"
OLD = "/apps/shop/clusters/prod/eu-west-1/shop-prod-web-v018"


def seen(client: Client, url: str) -> str:
    return client.get(url).context["form"].initial["seen"]


def test_a_resize_runs_the_stage_of_pipelines_with_what_was_asked(ana: Client) -> None:  # noqa: F811
    url = f"{WORKER}/resize"
    data = {"seen": seen(ana, url), "desired": 9, "min": 3, "max": 12, "reason": "Friday"}
    answer = ana.post(url, data)
    execution = Execution.objects.get()
    assert answer.headers["Location"] == f"/executions/{execution.ulid}"
    assert (execution.name, execution.pipeline, execution.started_by) == ("Resize shop-prod-worker-v031", None, "ana")
    stage = Stage.objects.get()
    assert stage.type_key == "resizeServerGroup"
    assert stage.context["capacity"] == {"min": 3, "desired": 9, "max": 12}
    assert (stage.context["credentials"], stage.context["regions"]) == ("prod", ["eu-west-1"])


def test_the_page_shows_what_would_happen_and_does_not_do_it(ana: Client, cloud: MemoryCloud) -> None:  # noqa: F811
    cloud.world.regions = ("eu-west-1",)
    image = cloud.add_image("prod", "eu-west-1", "shop-1.0")
    request = ServerGroupRequest("eu-west-1", "shop-prod-worker-v031", image.id, Capacity(3, 6, 12))
    cloud.server_groups.create("prod", request, "earlier")
    audited = AuditEntry.objects.count()
    assert "leaves its load balancers" in ana.get(f"{WORKER}/disable").text
    url = f"{WORKER}/resize"
    assert "What it would do now" not in ana.get(url).text
    answer = ana.post(url, {"seen": seen(ana, url), "desired": 9, "min": 3, "max": 12, "rehearse": "1"})
    assert "goes from 6 instances (3 to 12) to 9 instances (3 to 12)" in answer.text
    assert (Execution.objects.count(), AuditEntry.objects.count()) == (0, audited)


def test_sizes_that_do_not_hold_together_are_said_at_the_field(ana: Client) -> None:  # noqa: F811
    url = f"{WORKER}/resize"
    answer = ana.post(url, {"seen": seen(ana, url), "desired": 20, "min": 3, "max": 12})
    assert answer.status_code == 422
    assert "has to lie between" in answer.text
    assert Execution.objects.count() == 0


def test_a_plan_that_is_outdated_is_shown_anew_and_nothing_is_done(ana: Client) -> None:  # noqa: F811
    url = f"{OLD}/disable"
    before = seen(ana, url)
    ServerGroup.objects.filter(name="shop-prod-web-v018").update(desired_size=6, max_size=12)
    answer = ana.post(url, {"seen": before})
    assert answer.status_code == 409
    assert "It changed while you looked" in answer.text
    assert seen(ana, url) in answer.text
    assert Execution.objects.count() == 0


def test_what_takes_the_last_traffic_away_asks_once_more(ana: Client) -> None:  # noqa: F811
    url = f"{WORKER}/destroy"
    assert "only enabled server group" in ana.get(url).text
    data = {"seen": seen(ana, url)}
    assert ana.post(url, data).status_code == 422
    assert ana.post(url, data | {"is_sure": "on"}).status_code == 302
    assert "only enabled" not in ana.get(f"{OLD}/destroy").text


def test_only_what_makes_sense_is_offered(ana: Client, ben: Client) -> None:  # noqa: F811
    enabled = ana.get(WORKER).text
    assert "Disable…" in enabled
    assert "Enable…" not in enabled
    disabled = ana.get("/apps/shop/clusters/prod/eu-west-1/shop-prod-web-v017").text
    assert "Enable…" in disabled
    assert "Disable…" not in disabled
    assert "Destroy…" not in ben.get(WORKER).text
    ServerGroup.objects.update(is_being_destroyed=True)
    assert "Destroy…" not in ana.get(WORKER).text
    assert ana.get(f"{WORKER}/explode").status_code == 404


def test_execute_alone_does_not_reach_an_account_one_may_not_write(ben: Client, shop: Application) -> None:  # noqa: F811
    readers = shop.permissions.get().role
    ApplicationPermission.objects.create(application=shop, role=readers, authorization="EXECUTE")
    assert "Destroy…" not in ben.get(WORKER).text
    answer = ben.get(f"{WORKER}/destroy")
    assert answer.status_code == 403
    assert "lacks WRITE on account prod" in answer.text


@pytest.mark.usefixtures("shop")
def test_what_runs_on_a_cluster_is_told_beside_its_name(ana: Client) -> None:  # noqa: F811
    url = f"{OLD}/disable"
    ana.post(url, {"seen": seen(ana, url)})
    Stage.objects.update(status="RUNNING")
    page = ana.get("/apps/shop/clusters").text
    assert "Disable shop-prod-web-v018</span></a>" in page
    assert world.PROD in page
