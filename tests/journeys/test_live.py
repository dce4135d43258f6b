"""An open page follows what other processes do: within two seconds with Valkey, without it, and without the stream."""

import json
import time

import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Page, expect

from clusters.models import Application
from clusters.trust.permissions import actor_of
from pipelines import operations
from pipelines.models import Execution
from tests.processes import eventually

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WITHIN_MS = 2000
STAGES = [
    {"refId": "1", "type": "manualJudgment", "name": "Go live?", "judgmentInputs": [{"value": "a"}, {"value": "b"}]},
    {"refId": "2", "type": "manualJudgment", "name": "Go on?", "requisiteStageRefIds": ["1"]},
]


@pytest.fixture
def asking(alice: User, shop: Application) -> Execution:
    source = json.dumps({"name": "Release", "stages": STAGES})
    pipeline = operations.save_pipeline(actor_of(alice), shop, source).pipeline
    return operations.start(actor_of(alice), pipeline)


def settled(execution: Execution, ref: str) -> None:
    """The worker has brought it to this judgment."""
    waits = execution.stages.filter(ref=ref, steps__wait_key__startswith="judgment:")
    assert eventually(waits.exists, 10)


def open_page(site, page: Page, asking: Execution, path: str = "") -> None:
    site.sign_in(page, "alice")
    page.goto(f"{site.url}{path or f'/executions/{asking.ulid}'}")


def judge(asking: Execution, alice: User, ref: str = "1") -> None:
    operations.judge(actor_of(alice), asking, ref, "continue", input="a" if ref == "1" else "")


def test_the_page_follows(any_site, page, alice, asking):
    settled(asking, "1")
    open_page(any_site, page, asking)
    expect(page.locator("#live")).to_have_text("Live")
    time.sleep(0.5)
    judge(asking, alice)
    expect(page.locator("#node-2")).to_have_class("node ask", timeout=WITHIN_MS)
    expect(page.locator("#live")).to_have_text("Live")


def test_the_list_follows(any_site, page, alice, asking):
    settled(asking, "1")
    open_page(any_site, page, asking, "/apps/shop/pipelines")
    expect(page.locator("#live")).to_have_text("Live")
    operations.cancel(actor_of(alice), asking, "no")
    expect(page.locator(f"#run-{asking.ulid}")).to_contain_text("Cancelled by alice", timeout=WITHIN_MS)


@pytest.mark.parametrize("when", ["never there", "cut later"])
def test_the_page_follows_without_the_stream(site, page, alice, asking, when):
    settled(asking, "1")
    if when == "never there":
        page.route("**/live?*", lambda route: route.abort())
    open_page(site, page, asking)
    if when == "cut later":
        expect(page.locator("#live")).to_have_text("Live")
        page.route("**/live?*", lambda route: route.abort())
        connection.close()
        page.evaluate("source.close(); source.dispatchEvent(new Event('error'))")
    expect(page.locator("#live")).to_have_text("Live, polling")
    judge(asking, alice)
    expect(page.locator("#node-2")).to_have_class("node ask", timeout=WITHIN_MS)


def test_a_page_that_cannot_reach_us_says_so_and_comes_back(site, page, alice, asking):
    settled(asking, "1")
    open_page(site, page, asking)
    expect(page.locator("#live")).to_have_text("Live")
    page.route("**/*", lambda route: route.abort())
    page.evaluate("source.close(); source.dispatchEvent(new Event('error'))")
    expect(page.locator("#live")).to_have_text("Offline")
    judge(asking, alice)
    page.unroute("**/*")
    expect(page.locator("#node-2")).to_have_class("node ask", timeout=4000)
    expect(page.locator("#live")).to_have_text("Live", timeout=8000)


def test_what_a_person_types_and_opens_survives(site, page, alice, asking):
    settled(asking, "1")
    open_page(site, page, asking)
    expect(page.locator("#live")).to_have_text("Live")
    page.check("input[value=b]")
    page.fill("textarea[name=reason]", "half a sent")
    page.evaluate("document.querySelector('textarea[name=reason]').setSelectionRange(4, 4)")
    fetched = []
    page.on("response", lambda response: fetched.append(response.url))
    page.evaluate("refresh(topics())")
    page.wait_for_function("() => document.querySelector('textarea[name=reason]') === document.activeElement")
    assert eventually(lambda: page.evaluate("true") and bool(fetched))
    page.wait_for_timeout(300)
    page.keyboard.type("XY")
    assert page.input_value("textarea[name=reason]") == "halfXY a sent"
    assert page.is_checked("input[value=b]")


def test_an_open_menu_survives(site, page, alice, asking):
    settled(asking, "1")
    open_page(site, page, asking, "/apps/shop/pipelines")
    expect(page.locator("#live")).to_have_text("Live")
    page.click(f"#menu-{asking.ulid} summary")
    judge(asking, alice)
    settled(asking, "2")
    page.wait_for_timeout(500)
    assert page.evaluate(f"document.getElementById('menu-{asking.ulid}').open")


def test_nothing_is_fetched_once_it_is_complete(site, page, alice, asking):
    settled(asking, "1")
    open_page(site, page, asking)
    expect(page.locator("#live")).to_have_text("Live")
    operations.cancel(actor_of(alice), asking)
    expect(page.locator(".summary .st.big")).to_have_text("Cancelled", timeout=WITHIN_MS)
    expect(page.locator("#live")).to_be_hidden()
    said = page.locator("p.vh[role=status]")
    expect(said).to_contain_text("Release #1: Cancel")
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.wait_for_timeout(2500)
    assert fetched == []
