"""The main journey in a browser without JavaScript: sign in, write a pipeline, start it, judge, cancel, restart."""

import json
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PIPELINE = {
    "name": "Release",
    "parameterConfig": [{"name": "version", "label": "Version", "required": True}],
    "stages": [
        {"refId": "1", "type": "wait", "name": "Settle", "waitTime": 0},
        {"refId": "2", "type": "manualJudgment", "name": "Go live?", "requisiteStageRefIds": ["1"]},
        {"refId": "3", "type": "wait", "name": "Cool down", "waitTime": 3600, "requisiteStageRefIds": ["2"]},
    ],
}


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.set_default_timeout(10_000)
        yield page


def until(page: Page, text: str) -> None:
    """Load the page again, as people without JavaScript do, until it says so."""
    for _ in range(60):
        if page.locator("main", has_text=text).count():
            return
        time.sleep(0.25)
        page.reload()
    expect(page.locator("main")).to_contain_text(text)


def test_a_release_from_start_to_end_without_javascript(site, plain, alice):
    page = plain
    site.sign_in(page, "alice")
    page.goto(f"{site.url}/apps/shop/pipelines")
    page.click("text=New pipeline >> nth=0")
    page.fill("#id_source", json.dumps(PIPELINE, indent=2))
    page.click("text=Create pipeline")
    expect(page.locator("main")).to_contain_text("Saved Release as revision 1.")

    page.click("text=Back to pipelines")
    page.click("a:has-text('Start')")
    page.click("button:has-text('Start Release')")
    expect(page.locator("main")).to_contain_text("Version is required.")
    page.fill("#id_p0", "2.0")
    page.click("button:has-text('Start Release')")
    expect(page.locator("h1")).to_contain_text("Release #1")

    until(page, "Waiting for you to judge")
    page.fill("textarea[name=reason]", "looks well")
    page.click("button:has-text('Go on')")
    until(page, "Waiting until")
    expect(page.locator("main")).to_contain_text("version=2.0")

    page.click("text=Cancel…")
    page.fill("textarea[name=reason]", "wrong day")
    page.click("button:has-text('Cancel #1')")
    until(page, "Cancelled by alice: “wrong day”.")

    page.click("#node-2")
    expect(page.locator("#stage")).to_contain_text("alice said go on: “looks well”.")
    page.click("text=Restart stage…")
    page.click("button:has-text('Restart this stage')")
    until(page, "Waiting for you to judge")
    page.click("button:has-text('Stop')")
    until(page, "Attempt 2, failed")
    expect(page.locator(".summary .st.big")).to_have_text(re.compile("Failed"))
