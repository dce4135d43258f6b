"""A real browser for tests: which one is found, how it is started, and the fixtures `browser` and `page`.

Looked for in this order: the path in CHROMIUM; chromium, chromium-browser or google-chrome on PATH; Playwright's own. The
fourth way is .ci/run, which installs Debian's package where it is root.
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

ON_PATH = ("chromium", "chromium-browser", "google-chrome")
#: As root there is no sandbox to be had; the rest keeps it from talking to anybody but us.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NOT_FOUND = (
    "No browser: set CHROMIUM to one, put chromium or google-chrome on PATH, run `playwright install chromium`, "
    "or install Debian's package chromium."
)


def find(playwright: Playwright) -> str | None:
    """Path of a Chromium, or None."""
    if given := os.environ.get("CHROMIUM"):
        return given
    own = playwright.chromium.executable_path
    return next(filter(None, map(shutil.which, ON_PATH)), own if os.path.exists(own) else None)


def give_up(is_ci: bool) -> None:
    """Without a browser a test is skipped on somebody's own machine and fails where the result counts."""
    (pytest.fail if is_ci else pytest.skip)(NOT_FOUND)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the session: while it lasts, no other test in this process can run a loop of its own.
    # Playwright's loop runs in this thread, and Django would refuse to touch the database beside any loop.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        path = find(playwright) or give_up(bool(os.environ.get("CI")))
        with playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS) as started:
            yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page with no history. The test fails when a script on it raised or broke the content security policy."""
    complaints: list[str] = []
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda message: complaints.append(message.text) if "Security Policy" in message.text else None
        )
        yield page
    assert complaints == []
