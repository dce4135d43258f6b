"""A build's console in a real browser: it grows while the build writes, and survives the page's own refreshes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect

from clusters.models import Application, Secret
from clusters.trust import secrets
from clusters.trust.permissions import actor_of
from pipelines.models import Controller as Row
from pipelines.operations import run_task
from tests.clouds import wait_until
from tests.jenkins import TOKEN, USER, Controller, controller
from tests.journeys.conftest import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]

KEY = "a key for tests only and long enough for all"


@pytest.fixture(scope="module")
def site_that_calls(sites: Callable[[str], Site]) -> Iterator[Site]:
    """A site with its worker that may call this host and can read secrets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPINNAKER_OUTBOUND_ALLOW", "127.0.0.1")
        patch.setenv("SPINNAKER_SECRETS_KEYS", KEY)
        yield sites(os.environ["REDIS_URL"])


@pytest.fixture
def ci(alice: User, shop: Application, settings) -> Iterator[Controller]:
    settings.SECRETS_KEYS = [KEY]
    with controller() as ci:
        ci.job("shop")
        Secret.objects.create(name="t", sealed=secrets.seal(TOKEN), applications=["shop"], hosts=["127.0.0.1"])
        Row.objects.create(name="ci", url=ci.url, username=USER, token="secret:t").applications.add(shop)
        yield ci


def test_the_console_grows_in_the_page_and_outlives_its_refreshes(
    site_that_calls: Site, page: Page, ci: Controller, alice: User, shop: Application
):
    stage = {"type": "jenkins", "name": "Build", "refId": "1", "master": "ci", "job": "shop"}
    execution = run_task(actor_of(alice), shop, "Try", [stage])
    wait_until(ci.waiting)
    build = ci.begin("shop")
    build.console = b"Started by user spinnaker\n"
    site_that_calls.sign_in(page, "alice")
    page.goto(site_that_calls.url + reverse("pipelines:execution", args=[execution.ulid]))
    console = page.locator(".console")
    expect(console).to_contain_text("Started by user spinnaker")
    page.locator(".console pre").evaluate("element => { element.dataset.mark = 'first' }")
    build.console += b"Compiling\n"
    expect(console).to_contain_text("Compiling")
    with page.expect_response(lambda response: response.url.endswith(execution.ulid)):
        page.locator(f"#execution-{execution.ulid}").evaluate("element => htmx.trigger(element, 'refresh')")
    build.console += b"Finished: SUCCESS\n"
    ci.end("shop")
    expect(console).to_contain_text("Finished: SUCCESS")
    expect(page.locator("#stage header")).to_contain_text("Succeeded")
    expect(page.locator(".console pre[data-mark=first]")).to_have_count(1)
    expect(console.locator("a[hx-get*=start]")).to_have_count(0)
    assert console.inner_text().count("Compiling") == 1
