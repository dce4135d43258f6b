"""The keyboard is enough: to skip the frame, walk rows, judge, and come back to where one was."""

import pytest
from playwright.sync_api import Page, expect

from pipelines.models import Judgment
from tests.journeys.gallery import hang

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.className"))


def test_the_frame_is_skipped_and_rows_are_walked(site, page, alice, shop):
    shown = hang(shop, alice)
    site.sign_in(page, "alice")
    page.goto(f"{site.url}/apps/shop/pipelines")
    page.keyboard.press("Tab")
    assert focused(page) == "skip"
    page.keyboard.press("Enter")
    assert focused(page) == "main"
    page.keyboard.press("j")
    assert focused(page) == f"no-{shown['asking'].ulid}"
    page.keyboard.press("j")
    assert focused(page) == f"no-{shown['cancelled'].ulid}"
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/executions/{shown['asking'].ulid}")


def test_a_judgment_is_given_by_keyboard(site, page, alice, shop):
    shown = hang(shop, alice)
    site.sign_in(page, "alice")
    page.goto(f"{site.url}/executions/{shown['asking'].ulid}")
    page.focus("textarea[name=reason]")
    page.keyboard.type("seen")
    page.keyboard.press("Tab")
    assert focused(page).startswith("go-")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_contain_text("alice said go on with Red/black: “seen”.")
    assert Judgment.objects.get(by="alice").reason == "seen"


def test_stages_are_reached_by_tab_in_running_order(site, page, alice, shop):
    shown = hang(shop, alice)
    site.sign_in(page, "alice")
    page.goto(f"{site.url}/executions/{shown['good'].ulid}")
    page.focus("#plane")
    reached = []
    for _ in range(9):
        page.keyboard.press("Tab")
        reached.append(focused(page))
    assert reached == [f"node-{ref}" for ref in "123456789"]
