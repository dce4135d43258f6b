"""What every pipeline page keeps: no sideways scroll, nothing serious for axe, one h1. SHOTS=<folder> keeps pictures."""

import os
from pathlib import Path
from typing import Any

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.journeys.gallery import hang

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZES = {1280: 900, 390: 844}


def looks(width: int, theme: str) -> list[Any]:
    """All, of which `make test` tries the one that is named."""
    every = [(width, theme) for width in SIZES for theme in ("light", "dark")]
    return [look if look == (width, theme) else pytest.param(*look, marks=pytest.mark.long) for look in every]


LIST = "/apps/shop/pipelines"
PAGES = {
    "pipelines": LIST,
    "by-time": f"{LIST}?group=time",
    "nothing": f"{LIST}?q=nothing",
    "new": f"{LIST}/new",
    "edit": f"{LIST}/{{pipeline}}/edit",
    "revisions": f"{LIST}/{{pipeline}}/revisions",
    "start": f"{LIST}/{{pipeline}}/start",
    "delete": f"{LIST}/{{pipeline}}/delete",
    "executions": "/executions",
    "turn": "/turn",
    "asking": "/executions/{asking}",
    "deploying": "/executions/{asking}?stage=6",
    "context": "/executions/{asking}?stage=6&tab=context",
    "failed": "/executions/{failed}",
    "good": "/executions/{good}?stage=5",
    "cancelled": "/executions/{cancelled}",
    "cancel": "/executions/{asking}/cancel",
    "restart": "/executions/{failed}/stages/4/restart",
    "judge": "/executions/{asking}/stages/7/judge",
    "expression": "/executions/{asking}/expression?stage=6&text=${{parameters.version}}",
}


@pytest.mark.parametrize(("width", "theme"), looks(1280, "light"))
def test_pages_hold_together(site, browser: Browser, alice, shop, width, theme):
    shown = hang(shop, alice)
    names = {name: execution.ulid for name, execution in shown.items()} | {"pipeline": shown["good"].pipeline_id}
    problems: list[str] = []
    options = {"viewport": {"width": width, "height": SIZES[width]}, "color_scheme": theme}
    with browser.new_context(**options) as context:
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        site.sign_in(page, "alice")
        for name, path in PAGES.items():
            page.goto(site.url + path.format(**names))
            keep(page, f"{name}-{width}-{theme}")
            wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
            if wide != room:
                problems.append(f"{name}: {wide} px wide in {room}")
            if page.locator("h1").count() != 1:
                problems.append(f"{name}: {page.locator('h1').count()} headings of level 1")
            problems += [f"{name}: {one}" for one in serious(page)]
    assert problems == []


@pytest.mark.parametrize("width", SIZES)
def test_what_is_wrong_is_found_and_reached(site, browser: Browser, alice, shop, width):
    wrong = '{"name": "Wrong", "stages": [{"refId": "1", "type": "wait"},\n {"type": "wait"},\n {"refId": "1", "type": "x"}]}'
    with browser.new_context(viewport={"width": width, "height": SIZES[width]}) as context:
        page = context.new_page()
        site.sign_in(page, "alice")
        page.goto(f"{site.url}{LIST}/new")
        page.fill("#id_source", wrong)
        page.click("text=Create pipeline")
        keep(page, f"wrong-{width}")
        assert page.input_value("#id_source") == wrong
        assert serious(page) == []
        page.click("#checks a:has-text('stages[2].refId')")
        assert page.url.endswith("#line-3")
        assert page.locator("#line-3").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def serious(page) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]})["violations"]
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0]['failureSummary'][:300]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def keep(page, name: str) -> None:
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
