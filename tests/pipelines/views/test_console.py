"""A build's console in the page: piece by piece, through our server, for those who may see the execution."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from tests.jenkins import Build, Controller
from tests.pipelines.stages.conftest import World, world
from tests.pipelines.stages.test_jenkins import BUILD, ci, until

__all__ = ["ci", "world"]

HTMX = {"HX-Request": "true"}


@pytest.fixture
def build(world: World, ci: Controller) -> Build:
    world.begin(BUILD)
    until(world, ci, "waitForJenkinsJobStart")
    build = ci.begin("shop")
    until(world, ci, "monitorJenkinsJob")
    return build


@pytest.fixture
def browser(client, world):
    client.force_login(get_user_model().objects.get(username="ada"))
    return client


def address(world: World) -> str:
    return reverse("pipelines:console", args=[world.execution.ulid, "1"])


def following(page: str) -> str:
    return re.search(r'hx-get="([^"]*start=[^"]*)"', page)[1].replace("&amp;", "&")


def test_the_execution_page_fetches_it_and_links_to_it(browser, world, build):
    page = browser.get(reverse("pipelines:execution", args=[world.execution.ulid])).content.decode()
    assert f'href="{address(world)}?attempt=1" hx-get="{address(world)}?attempt=1"' in page
    build.console = b"Compiling <b>\n"
    assert "Compiling &lt;b&gt;" in browser.get(address(world)).content.decode()


def test_it_follows_what_is_written_until_the_build_ends(browser, world, ci, build):
    build.console = b"one\n"
    first = browser.get(address(world), headers=HTMX).content.decode()
    assert "one" in first
    assert "load delay:2s" in first
    assert "<html" not in first
    build.console += b"two\n"
    second = browser.get(following(first), headers=HTMX).content.decode()
    assert "two" in second
    assert "one" not in second
    ci.end("shop")
    third = browser.get(following(second), headers=HTMX).content.decode()
    assert "hx-get" not in third


def test_of_a_long_one_the_end_is_shown_and_the_rest_comes_in_pieces(browser, world, ci, build):
    build.console = b"".join(b"line %07d\n" % n for n in range(20_000))
    ci.end("shop")
    page = browser.get(address(world), headers=HTMX).content.decode()
    assert "line 0019999" in page
    assert len(page) < 70_000
    piece = browser.get(f"{address(world)}?start=0", headers=HTMX).content.decode()
    assert "line 0000000" in piece
    assert "load delay" not in piece
    count = 1
    while "hx-get" in piece:
        piece = browser.get(following(piece), headers=HTMX).content.decode()
        count += 1
    assert (count, "line 0019999" in piece) == (4, True)


def test_colours_are_dropped_and_credentials_are_hidden(browser, world, build):
    build.console = b"\x1b[31mred\x1b[0m \xe2\x80\xae AKIAABCDEFGHIJKLMNOP\n"
    page = browser.get(address(world)).content.decode()
    assert "red" in page
    assert "\x1b" not in page
    assert "AKIAABCDEFGHIJKLMNOP" not in page


def test_a_controller_that_is_away_is_said_and_asked_again(browser, world, ci, build):
    ci.stop()
    page = browser.get(address(world), headers=HTMX).content.decode()
    assert "cannot be reached" in page
    assert "Try again" in page


def test_who_may_not_see_the_execution_gets_nothing(client, world, build):
    client.force_login(get_user_model().objects.create_user("mallory"))
    assert client.get(address(world)).status_code == 404


@pytest.mark.parametrize("query", ["?attempt=9", "?attempt=99999999999", "?start=x&attempt=7"])
def test_what_is_not_there_is_not_found(browser, world, build, query):
    assert browser.get(address(world) + query).status_code == 404
    assert browser.get(reverse("pipelines:console", args=[world.execution.ulid, "7"])).status_code == 404


@pytest.mark.parametrize("start", ["-1", "x", "99999999999999999999", "²", "999999999"])
def test_nonsense_about_where_to_begin_does_no_harm(browser, world, build, start):
    assert browser.get(f"{address(world)}?start={start}").status_code == 200


def test_no_console_is_shown_of_a_build_that_only_the_pipeline_names(browser, world, ci, build):
    """Or whoever writes a pipeline could read what other applications' builds print."""
    world.run({"type": "wait", "waitTime": 0, "master": "ci", "job": "shop", "buildNumber": build.number})
    assert browser.get(address(world)).status_code == 404
