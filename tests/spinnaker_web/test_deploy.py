"""Deploying and going back by hand: the form, what it would do, and the execution that comes of it."""

import pytest
from django.test import Client

from clusters.core.values import Capacity, ServerGroupRequest
from clusters.models import Image, ServerGroup
from clusters.providers.memory import MemoryCloud
from pipelines.models import Execution, Stage
from tests.clusters.views.conftest import ana, ben, cloud, mallory, shop  # noqa: F401

URL = "/apps/shop/deploy"
WEB = "/apps/shop/clusters/prod/eu-west-1/shop-prod-web-v018"


@pytest.fixture
def image(ana: Client, cloud: MemoryCloud) -> Image:  # noqa: F811
    cloud.world.regions = ("eu-west-1",)
    made = cloud.add_image("prod", "eu-west-1", "shop-3.0", package="shop", version="3.0")
    return Image.objects.create(
        account_id="prod",
        region="eu-west-1",
        image_id=made.id,
        name=made.name,
        package="shop",
        version="3.0",
        created_at=made.created_at,
        changed_at=made.created_at,
    )


def given(image: Image, /, **changes: object) -> dict[str, object]:
    key = f"prod/eu-west-1/{image.image_id}"
    return {"image": key, "stack": "try", "detail": "", "desired": 2, "min": 1, "max": 3, "strategy": ""} | changes


def test_a_server_group_is_deployed_by_the_stage_of_pipelines(ana: Client, image: Image) -> None:  # noqa: F811
    answer = ana.post(URL, given(image, strategy="highlander", more='{"instanceType": "t3.small"}', reason="Friday"))
    execution = Execution.objects.get()
    assert answer.headers["Location"] == f"/executions/{execution.ulid}"
    assert (execution.started_by, execution.trigger["note"]) == ("ana", "Friday")
    [cluster] = Stage.objects.get(ref="1").context["clusters"]
    assert (cluster["imageId"], cluster["stack"], cluster["strategy"]) == (image.image_id, "try", "highlander")
    assert cluster["instanceType"] == "t3.small"
    assert cluster["availabilityZones"] == {"eu-west-1": []}


def test_it_is_shown_what_it_would_do_and_not_done(ana: Client, image: Image) -> None:  # noqa: F811
    text = ana.post(URL, given(image, rehearse="1")).text
    assert "is created with 2 instances of shop-3.0" in text
    assert Execution.objects.count() == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"desired": 5}, "does not hold"),
        ({"stack": "a b"}, "may hold only letters"),
        ({"image": "prod/eu-west-1/img-none"}, "Select a valid choice"),
        ({"more": "{"}, "This is not JSON"),
        ({"more": "[]"}, "An object is expected"),
        ({"load_balancers": ["none"]}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    ana: Client,  # noqa: F811
    image: Image,
    changes: dict[str, object],
    message: str,
) -> None:
    answer = ana.post(URL, given(image, **changes))
    assert answer.status_code == 422
    assert message in answer.text
    assert Execution.objects.count() == 0


def test_another_server_group_fills_in_the_form(ana: Client, image: Image) -> None:  # noqa: F811
    group = ServerGroup.objects.get(name="shop-prod-web-v018", region="eu-west-1")
    initial = ana.get(f"{URL}?like=prod/eu-west-1/{group.name}").context["form"].initial
    assert (initial["stack"], initial["detail"], initial["desired"]) == (group.stack, group.detail, group.desired_size)
    assert ana.get(f"{URL}?like=prod/eu-west-1/none").status_code == 404


def test_who_may_not_deploy_is_offered_nothing(ana: Client, ben: Client, image: Image) -> None:  # noqa: F811
    assert URL in ana.get("/apps/shop/clusters").text
    assert "Deploy like it" in ana.get(WEB).text
    assert URL not in ben.get("/apps/shop/clusters").text
    assert ben.get(URL).status_code == 403
    assert ben.post(URL, given(image)).status_code == 403


def test_going_back_names_the_older_one_and_shows_how(ana: Client, cloud: MemoryCloud, image: Image) -> None:  # noqa: F811
    for name in ("shop-prod-web-v017", "shop-prod-web-v018"):
        request = ServerGroupRequest("eu-west-1", name, image.image_id, Capacity(1, 2, 3))
        cloud.server_groups.create("prod", request, name)
        cloud.advance(3)
    cloud.server_groups.disable("prod", "eu-west-1", "shop-prod-web-v017")
    page = ana.get(f"{WEB}/rollback")
    assert "shop-prod-web-v017" in page.text
    data = {"seen": page.context["form"].initial["seen"], "restore": "shop-prod-web-v017"}
    told = ana.post(f"{WEB}/rollback", data | {"rehearse": "1"}).text
    assert "gets back its load balancers" in told
    assert told.index("gets back its load balancers") < told.index("leaves its load balancers")
    assert ana.post(f"{WEB}/rollback", data).status_code == 302
    context = Stage.objects.get(ref="1").context["rollbackContext"]
    assert context == {
        "rollbackServerGroupName": "shop-prod-web-v018",
        "restoreServerGroupName": "shop-prod-web-v017",
    }
