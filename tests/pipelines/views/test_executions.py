import pytest
from django.test import Client
from django.urls import reverse

from clusters.trust.permissions import actor_of
from pipelines import operations
from tests.pipelines.views.conftest import begin, moved, person, save

LIST = "/apps/shop/pipelines"


def page(client: Client, url: str, status: int = 200, **headers: str) -> str:
    response = client.get(url, headers=headers)
    assert response.status_code == status
    return response.content.decode()


@pytest.mark.parametrize("url", [LIST, f"{LIST}?group=time", "/executions", "/turn"])
def test_nobody_sees_lists_without_signing_in(client, db, url):
    assert client.get(url).headers["Location"].startswith("/login")


def test_a_stranger_sees_no_pipelines(as_user, charlie, asking):
    client = as_user(charlie)
    page(client, LIST, 404)
    assert "Release" not in page(client, "/executions")
    assert "Nothing waits for you" in page(client, "/turn")


def test_the_list_says_whose_turn_it_is(as_user, alice, asking):
    html = page(as_user(alice), LIST)
    assert "Your turn" in html
    assert "Waiting for you, or others who may run it to judge, until" in html
    assert reverse("pipelines:judge", args=[asking.ulid, "2"]) in html
    assert "version=1.0" in html


def test_a_reader_sees_who_is_waited_for_and_no_buttons(as_user, bob, asking):
    html = page(as_user(bob), LIST)
    assert "Waiting for somebody who may run it to judge" in html
    for forbidden in ("Judge", "Cancel…", "Run again…", ">Start<", "New pipeline", ">Edit<"):
        assert forbidden not in html
    assert "You can look but not change. Ask shop@example.org." in html


def test_a_runner_may_start_but_not_edit(as_user, rita, release):
    html = page(as_user(rita), LIST)
    assert reverse("pipelines:start", args=["shop", release.pk]) in html
    assert reverse("pipelines:edit", args=["shop", release.pk]) not in html


def test_strategies_come_last_are_marked_and_not_started_by_hand(as_user, alice, shop, release):
    strategy = save(alice, shop, name="A strategy", id="dark", strategy=True)
    html = page(as_user(alice), LIST)
    assert html.index(">Release<") < html.index(">A strategy<") < html.index(">Strategy<")
    assert reverse("pipelines:edit", args=["shop", strategy.pk]) in html
    assert reverse("pipelines:start", args=["shop", strategy.pk]) not in html


def test_by_time_names_the_pipeline_and_pages_by_key(as_user, alice, release, monkeypatch):
    monkeypatch.setattr("pipelines.queries.runs.page.__defaults__", ("", 2))
    first, second, third = (begin(alice, release) for _ in range(3))
    html = page(as_user(alice), f"{LIST}?group=time")
    assert third.ulid in html
    assert first.ulid not in html
    older = f"{LIST}?group=time&amp;before={second.ulid}"
    assert older in html
    assert first.ulid in page(as_user(alice), older.replace("&amp;", "&"))


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("q=1.0", True),
        ("q=alice", True),
        ("q=nothing", False),
        ("status=running", True),
        ("status=failed", False),
        ("by=alice", True),
        ("by=bob", False),
        ("since=hour", True),
        ("status=nonsense&since=nonsense&before=nonsense", True),
    ],
)
@pytest.mark.parametrize("group", ["time", "pipeline"])
def test_filters_stand_in_the_address(as_user, alice, asking, query, is_found, group):
    html = page(as_user(alice), f"{LIST}?group={group}&{query}")
    assert (asking.ulid in html) is is_found
    assert ("No execution matches" in html) is not is_found


def test_htmx_gets_the_part_it_asks_for(as_user, alice, asking):
    html = page(as_user(alice), LIST, HX_Request="true", HX_Target="runs-shop")
    assert html.lstrip().startswith("<div")
    assert "<html" not in html
    assert asking.ulid in html


def test_judgments_with_roles_show_only_to_those_who_hold_them(as_user, alice, shop):
    stages = [{"refId": "1", "type": "manualJudgment", "name": "Go?", "selectedStageRoles": ["ops"]}]
    execution = begin(alice, save(alice, shop, stages=stages, parameterConfig=[]))
    html = page(as_user(alice), LIST)
    assert "Your turn" not in html.split("<main")[1]
    assert "somebody with role ops" in html
    assert "Nothing waits for you" in page(as_user(alice), "/turn")
    olga = person("olga", "owners")
    olga.groups.create(name="ops")
    assert execution.ulid in page(as_user(olga), "/turn")


def test_a_failed_execution_says_why(as_user, alice, asking):
    operations.judge(actor_of(alice), asking, "2", "stop", reason="too late")
    moved(asking)
    assert "alice said stop: too late in Go live?" in page(as_user(alice), LIST)


def test_a_cancelled_execution_quotes_the_reason(as_user, alice, asking):
    operations.cancel(actor_of(alice), asking, "wrong <version>")
    assert "what is under way is ended first" in page(as_user(alice), LIST)
    moved(asking)
    assert "Cancelled by alice: “wrong &lt;version&gt;”." in page(as_user(alice), LIST)


@pytest.mark.parametrize("url", [LIST, f"{LIST}?group=time", "/executions", "/turn"])
def test_the_number_of_queries_does_not_grow(as_user, alice, shop, release, url, django_assert_num_queries):
    client = as_user(alice)
    begin(alice, release)
    client.get(url)
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        client.get(url)
    other = save(alice, shop, name="Other")
    for _ in range(6):
        begin(alice, release)
        moved_on = begin(alice, other)
        operations.cancel(actor_of(alice), moved_on)
        moved(moved_on)
    with CaptureQueriesContext(connection) as many:
        client.get(url)
    assert len(many) == len(few) <= 12
