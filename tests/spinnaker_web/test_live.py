"""What streams tell, to whom; the open page that listens is in tests/journeys/test_live.py."""

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.sessions.models import Session
from django.utils import timezone

from clusters.trust.permissions import actor_of
from pipelines import operations
from pipelines.models import Event, Execution
from spinnaker_web import live
from spinnaker_web.access import session_limits
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


@pytest.fixture
def reader(client, bob) -> live.Reader:
    client.force_login(bob)
    client.get("/me")
    return live.Reader(bob.pk, client.session.session_key)


def role(client, bob):
    bob.groups.clear()


def user(client, bob):
    bob.is_active = False
    bob.save()


def password(client, bob):
    bob.set_password("another password for tests")
    bob.save()


def signed_out(client, bob):
    client.post("/logout")


def somebody_else(client, bob):
    session = client.session
    session["_auth_user_id"] = "0"
    session.save()


def idle(client, bob):
    session = client.session
    session[session_limits.SEEN] -= 3600 + session_limits.STEP_SECONDS + 1
    session.save()


def expired(client, bob):
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize("lose", [role, user, password, signed_out, somebody_else, idle, expired])
def test_a_stream_ends_with_what_let_it_begin(client, bob, asking, reader, lose):
    followed = frozenset(topics(asking))
    assert reader.still_may(followed)
    lose(client, bob)
    assert not reader.still_may(followed)


@pytest.mark.django_db(transaction=True)
def test_what_happens_after_the_role_is_gone_is_not_told(client, bob, asking, reader, monkeypatch):
    """However lately it was asked before: nothing is told on an older answer than CHECK_TO_TELL_SECONDS."""
    monkeypatch.setattr(live, "CHECK_TO_TELL_SECONDS", 0)
    followed = frozenset(topics(asking))

    async def listen() -> list[str]:
        events = live._events(followed, None, reader)
        said = [await anext(events), await anext(events)]
        await sync_to_async(bob.groups.clear)()
        for stream in live.HUB._streams:
            stream.offer(dict.fromkeys(followed, 10**9))
        return [*said, *[line async for line in events]]

    said = async_to_sync(listen)()
    assert len(said) == 2
    assert "retry" in said[0]
    assert f"execution:{asking.ulid}" in said[1]
    assert not live.HUB._streams


def test_one_person_cannot_take_the_streams_of_all(client, alice, bob, asking):
    url = f"/live?topics=app:shop,execution:{asking.ulid}"
    streams = [live.Stream([], bob.pk) for _ in range(live.MOST_STREAMS_OF_PERSON)]
    live.HUB._streams.update(streams)
    try:
        client.force_login(bob)
        answer = client.get(url)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        client.force_login(alice)
        assert client.get(url).status_code == 200
    finally:
        live.HUB._streams.difference_update(streams)


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
