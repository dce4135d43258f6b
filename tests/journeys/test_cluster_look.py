"""What every page about clusters keeps, in two widths and two themes. SHOTS=<folder> keeps pictures."""

import io
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from django.db import connection
from playwright.sync_api import Browser, Page

from clusters.models import Freshness, Instance
from clusters.providers import PROVIDERS
from clusters.providers.memory import MemoryCloud
from spinnaker_web import demo_package
from spinnaker_web.asgi import application
from tests import world
from tests.journeys.test_look import SIZES, keep, looks, serious

pytestmark = [pytest.mark.browser, pytest.mark.slow]

GROUP = "prod/eu-west-1/shop-prod-worker-v031"
PAGES = {
    "applications": "/apps",
    "application-new": "/apps/new",
    "no-application": "/apps?q=nothing",
    "clusters": "/apps/shop/clusters",
    "clusters-empty": "/apps/empty/clusters",
    "drawer": f"/apps/shop/clusters?open={GROUP}",
    "server-group": f"/apps/shop/clusters/{GROUP}",
    "instance": f"/apps/shop/clusters/{GROUP}/instances/{{instance}}",
    "resize": f"/apps/shop/clusters/{GROUP}/resize",
    "destroy": "/apps/shop/clusters/test/local/shop-test-web-v113/destroy",
    "rollback": "/apps/shop/clusters/prod/eu-west-1/shop-prod-web-v018/rollback",
    "deploy": f"/apps/shop/deploy?like={GROUP}",
    "load-balancers": "/apps/shop/load-balancers",
    "load-balancer": "/apps/shop/load-balancers/prod/eu-west-1/shop-prod-web",
    "load-balancer-new": "/apps/shop/load-balancers/new",
    "load-balancer-delete": "/apps/shop/load-balancers/prod/eu-west-1/shop-prod-web/delete",
    "firewalls": "/apps/shop/firewalls",
    "firewall": "/apps/shop/firewalls/prod/eu-west-1/shop-prod",
    "firewall-edit": "/apps/shop/firewalls/prod/eu-west-1/shop-prod/edit",
    "images": "/apps/shop/images",
    "settings": "/apps/shop/settings",
    "me": "/me",
    "missing": "/apps/nothing/clusters",
}


@pytest.fixture
def here(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The site in this process, so that it has the cloud in memory."""
    # Threads of the server would keep their connections, and the test database could not be dropped.
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    PROVIDERS["memory"] = cloud = MemoryCloud(auto=False)
    for version in ("1.9.0", "1.9.1"):
        cloud.packages.put("shop", version, io.BytesIO(demo_package.build(version)))
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()
    del PROVIDERS["memory"]


def sign_in(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/login")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(world.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/apps")


@pytest.mark.parametrize(("width", "theme"), looks(390, "dark"))
def test_pages_hold_together(here: str, browser: Browser, width: int, theme: str) -> None:
    world.build()
    world.application("empty", "storefront")
    Freshness.objects.filter(region=world.EAST).update(error="timed out after 6 s")
    names = {"instance": Instance.objects.filter(health="Down").first().instance_id}
    problems: list[str] = []
    options = {"viewport": {"width": width, "height": SIZES[width]}, "color_scheme": theme}
    with browser.new_context(**options) as context:
        page = context.new_page()
        page.on("console", lambda message: note(problems, message))
        page.goto(f"{here}/login")
        check(page, f"login-{width}-{theme}", problems)
        sign_in(page, here, "ana")
        for name, path in PAGES.items():
            page.goto(here + path.format(**names))
            check(page, f"{name}-{width}-{theme}", problems)
    assert problems == []


def note(problems: list[str], message: object) -> None:
    """A page that is missing on purpose is an error to the browser."""
    if message.type == "error" and "404" not in message.text:  # type: ignore[attr-defined]
        problems.append(message.text)  # type: ignore[attr-defined]


def check(page: Page, name: str, problems: list[str]) -> None:
    keep(page, name)
    wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    if wide != room:
        problems.append(f"{name}: {wide} px wide in {room}")
    if page.locator("h1").count() != 1:
        problems.append(f"{name}: {page.locator('h1').count()} headings of level 1")
    problems += [f"{name}: {one}" for one in serious(page)]
