"""Clusters as people use them: with a script the drawer opens in place, without one everything still works."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import world
from tests.journeys.test_cluster_look import here, sign_in  # noqa: F401

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CLUSTERS = "/apps/shop/clusters"


@pytest.fixture
def shop(here: str, page: Page) -> Page:  # noqa: F811
    world.build()
    sign_in(page, here, "ana")
    page.goto(here + CLUSTERS)
    return page


def test_the_drawer_opens_in_place_takes_the_focus_and_escape_closes_it(shop: Page) -> None:
    shop.get_by_title("shop-prod-worker-v031").click()
    heading = shop.get_by_role("heading", name="shop-prod-worker-v031")
    expect(heading).to_be_focused()
    assert "open=prod%2Feu-west-1%2Fshop-prod-worker-v031" in shop.url
    shop.keyboard.press("Escape")
    expect(heading).not_to_be_attached()
    assert "open=" not in shop.url
    expect(shop.get_by_title("shop-prod-worker-v031")).to_be_focused()
    shop.go_back()
    expect(heading).to_be_visible()


def test_typing_filters_and_the_address_says_so(shop: Page) -> None:
    shop.keyboard.press("f")
    shop.keyboard.type("worker")
    expect(shop.locator(".sgrow")).to_have_count(2)
    assert shop.url.endswith("q=worker")
    shop.get_by_text("Clear filters").click()
    expect(shop.locator(".sgrow")).to_have_count(7)


def test_ticking_a_menu_filters_at_once(shop: Page) -> None:
    shop.locator("summary", has_text="Status").click()
    shop.get_by_label("Disabled").check()
    expect(shop.locator(".sgrow")).to_have_count(2)
    shop.keyboard.press("Escape")
    expect(shop.get_by_label("Disabled")).to_be_hidden()


def test_a_square_leads_to_its_instance(shop: Page) -> None:
    shop.locator(".sgrow .sq.down").first.click()
    shop.wait_for_url(re.compile("/instances/i-"))
    assert "GET /ready answered 503" in shop.inner_text("main")


def test_everything_works_without_a_script(here: str, browser: Browser) -> None:  # noqa: F811
    world.build()
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, here, "ana")
        page.goto(here + CLUSTERS)
        page.fill("input[name=q]", "worker")
        page.get_by_role("button", name="Apply").last.click()
        assert page.locator(".sgrow").count() == 2
        page.get_by_title("shop-prod-worker-v031").click()
        page.get_by_role("link", name="Resize").click()
        page.fill("input[name=desired]", "8")
        page.fill("input[name=reason]", "no script")
        page.get_by_role("button", name="Resize shop-prod-worker-v031").click()
        page.wait_for_url("**/executions/*")
        assert "Resize shop-prod-worker-v031" in page.inner_text("h1")
        page.locator("summary.me").click()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/login")
