"""What streams tell, to whom; the open page that listens is in tests/journeys/test_live.py."""

import pytest
from django.contrib.sessions.backends.db import SessionStore

from clusters.trust.permissions import actor_of
from pipelines import operations
from pipelines.models import Event, Execution
from spinnaker_web import live
from tests.pipelines.views.conftest import alice, asking, bob, charlie, moved, release, shop

__all__ = ["alice", "asking", "bob", "charlie", "release", "shop"]


def topics(execution: Execution) -> set[str]:
    return {"app:shop", f"execution:{execution.ulid}"}


def test_a_stream_needs_signing_in_and_something_to_see(client, alice, charlie, asking):
    url = f"/live?topics=app:shop,execution:{asking.ulid}"
    assert client.get(url).status_code in (302, 401)
    client.force_login(charlie)
    assert client.get(url).status_code == 404
    client.force_login(alice)
    assert client.get("/live").status_code == 404
    answer = client.get(url)
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"


def test_only_what_may_be_seen_is_followed(bob, charlie, asking):
    asked = [*topics(asking), "app:other", "execution:nonsense", "execution:01J00000000000000000000000", "x", ""]
    assert live.allowed(actor_of(bob), asked) == topics(asking)
    assert live.allowed(actor_of(charlie), asked) == frozenset()


def test_a_stream_ends_with_the_session_the_role_or_the_user(bob, asking):
    session = SessionStore()
    session.create()
    followed = frozenset(topics(asking))
    check = (followed, bob.pk, session.session_key, session.exists)
    assert live._still_allowed(*check)
    bob.groups.clear()
    assert not live._still_allowed(*check)
    session.delete()
    assert not live._still_allowed(frozenset(), *check[1:])


def test_each_event_is_told_once(alice, asking):
    tail = live.Tail()
    assert tail.read() == {}
    operations.judge(actor_of(alice), asking, "2", "continue", input="slowly")
    assert set(tail.read()) == topics(asking)
    assert tail.read() == {}
    moved(asking)
    newest = Event.objects.order_by("-id").first().pk
    assert set(tail.read().values()) == {newest}


def test_an_event_committed_late_is_told_too(alice, asking):
    """Ids are given before commit: a lower one may appear after a higher one was read."""
    late = Event.objects.order_by("-id").first()
    Event.objects.create(
        id=late.pk + 5, execution=asking, seq=900, at=late.at, epoch=1, kind="stage", status="RUNNING", ref="1"
    )
    tail = live.Tail()
    tail.read()
    Event.objects.create(
        id=late.pk + 3, execution=asking, seq=901, at=late.at, epoch=1, kind="stage", status="RUNNING", ref="1"
    )
    assert tail.read() == dict.fromkeys(topics(asking), late.pk + 3)


@pytest.mark.parametrize("last", [None, -5000])
def test_a_page_without_a_past_is_told_everything(asking, last):
    newest = live.newest_event()
    followed = frozenset(topics(asking))
    assert live._missed(followed, last) == dict.fromkeys(followed, newest)


def test_a_page_that_comes_back_is_told_what_it_missed(alice, asking):
    followed = frozenset(topics(asking))
    newest = live.newest_event()
    assert live._missed(followed, newest) == {}
    operations.cancel(actor_of(alice), asking)
    assert set(live._missed(followed, newest)) == topics(asking)
    assert live._missed(frozenset({"app:other"}), newest) == {}
