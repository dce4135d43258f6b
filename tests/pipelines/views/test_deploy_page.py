"""The execution page of a real deployment on a cloud in memory: parts, groups, sentences."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from pipelines.models import Execution, Stage
from tests.pipelines.stages.conftest import World, balanced, world
from tests.pipelines.stages.test_deploy import deploy

__all__ = ["balanced", "world"]


@pytest.fixture
def page(client: Client, balanced: World):
    """page(execution, stage=…) -> its text."""
    client.force_login(User.objects.get(username=balanced.actor.username))

    def page(execution: Execution, **query: str) -> str:
        answer = client.get(reverse("pipelines:execution", args=[execution.ulid]), query)
        assert answer.status_code == 200
        return answer.content.decode()

    return page


def test_a_deployment_under_way_says_what_it_waits_for(page, balanced):
    balanced.cloud.never_healthy("shop-test-web-v000")
    execution = balanced.run(deploy(balanced), looks=5)
    html = page(execution)
    assert "Waiting for 2 more instances of shop-test-web-v000 to become healthy" in html
    assert "Deploy in eu-west-1" in html
    assert "Otherwise the execution fails." in html


def test_each_part_of_a_deployment_has_its_page(page, balanced):
    balanced.group("shop-test-web-v007")
    execution = balanced.run(deploy(balanced))
    assert '<dd class="mono">shop-test-web-v008</dd>' in page(execution)
    for stage in Stage.objects.filter(execution=execution):
        for tab in ("steps", "context", "events"):
            assert f"<h2>{stage.name}</h2>" in page(execution, stage=stage.ref, tab=tab)


def test_a_deployment_that_failed_says_what_it_left(page, balanced):
    balanced.cloud.never_healthy("shop-test-web-v000")
    balanced.run(deploy(balanced, rollback={"onFailure": False}), looks=5)
    execution = balanced.time_out("waitForUpInstances")
    assert execution.status == "TERMINAL"
    assert "Left standing: shop-test-web-v000 in eu-west-1." in page(execution)
