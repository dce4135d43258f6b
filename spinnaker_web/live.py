"""Server-sent events: which of the things a page shows have changed. Never what they are; the page fetches that itself.

One task per process reads new rows of `event`, for all streams together: at once when Redis says so, else each second.
Between two reads nothing holds a database connection.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import Error, connections
from django.db.models import Max
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe
from redis import RedisError
from redis.asyncio import Redis

from clusters.models import Application
from clusters.trust.permissions import Actor, actor_of
from clusters.trust.requests import Request
from pipelines.engine.outbox import CHANNEL
from pipelines.models import Event
from pipelines.models.ids import from_ulid, to_ulid
from pipelines.queries import visible
from spinnaker_web.access import session_limits

log = logging.getLogger(__name__)

READ_SECONDS = 1.0
COALESCE_SECONDS = 0.1
BEAT_SECONDS = 10.0
#: How old the answer may be to whether the reader still may, when nothing is told, and when something is.
CHECK_SECONDS = 30.0
CHECK_TO_TELL_SECONDS = 3.0
#: A stream ends after this; the browser comes back, through whatever login and roles are then.
STREAM_SECONDS = 600.0
MOST_TOPICS = 20
MOST_STREAMS = 500
#: So that nobody takes the place of all others; a browser keeps six at most.
MOST_STREAMS_OF_PERSON = 20
#: Ids are given out before commit, so a lower one may appear after a higher one: so many are looked at again.
OVERLAP = 500
MOST_ROWS = 2000


class Stream:
    """One open page: what it asked for, and what of that has changed since it was last told (topic -> version)."""

    def __init__(self, topics: Iterable[str], person: int | None = None) -> None:
        self.topics = frozenset(topics)
        self.person = person
        self._changed: dict[str, int] = {}
        self._wake = asyncio.Event()

    def offer(self, changes: dict[str, int]) -> None:
        mine = {topic: version for topic, version in changes.items() if topic in self.topics}
        if mine:
            self._changed |= mine
            self._wake.set()

    async def changes(self, within_seconds: float) -> dict[str, int]:
        """What changed, or {} when nothing did in that time."""
        try:
            await asyncio.wait_for(self._wake.wait(), within_seconds)
        except TimeoutError:
            return {}
        self._wake.clear()
        changed, self._changed = self._changed, {}
        return changed


class Hub:
    """Reads for all streams of this process, and only while there are any."""

    def __init__(self) -> None:
        self._streams: set[Stream] = set()
        self._task: asyncio.Task[None] | None = None

    def has_room(self, person: int | None) -> bool:
        mine = sum(stream.person == person for stream in list(self._streams))
        return len(self._streams) < MOST_STREAMS and mine < MOST_STREAMS_OF_PERSON

    def join(self, stream: Stream) -> None:
        self._streams.add(stream)
        self._begin()

    def leave(self, stream: Stream) -> None:
        self._streams.discard(stream)

    def _begin(self, ended: asyncio.Task[None] | None = None) -> None:
        """Also called when the task has ended: a stream may have come while it was about to."""
        if self._streams and (self._task is None or self._task.done()):
            # A context of its own: this outlives the request that happens to be first.
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._run(), context=contextvars.Context())
            self._task.add_done_callback(self._begin)

    async def _run(self) -> None:
        tail = Tail()
        async with Hints() as hints:
            while self._streams:
                try:
                    changes = await in_thread(tail.read)
                except Error as error:
                    log.warning("live streams cannot read events: %s", error)
                    changes = {}
                for stream in list(self._streams):
                    stream.offer(changes)
                await asyncio.sleep(COALESCE_SECONDS)
                await hints.wait(READ_SECONDS - COALESCE_SECONDS)


HUB = Hub()


class Tail:
    """New rows of `event`, each told once."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._told: set[int] = set()

    def read(self) -> dict[str, int]:
        """Topic -> id of its newest event, of what was committed since the last read."""
        is_first = self._newest is None
        newest = newest_event() if self._newest is None else self._newest
        rows = _rows_after(newest - OVERLAP)
        fresh = [] if is_first else [row for row in rows if row[0] not in self._told]
        self._newest = max([newest, *(row[0] for row in rows)])
        self._told = {row[0] for row in rows if row[0] > self._newest - OVERLAP}
        return _topics(fresh)


def newest_event() -> int:
    return Event.objects.aggregate(newest=Max("id"))["newest"] or 0


def _rows_after(event_id: int) -> list[tuple[int, Any, str]]:
    rows = Event.objects.filter(id__gt=event_id).order_by("id")
    return list(rows.values_list("id", "execution_id", "execution__application")[:MOST_ROWS])


def _topics(rows: Iterable[tuple[int, Any, str]]) -> dict[str, int]:
    changed: dict[str, int] = {}
    for event_id, execution_id, application in rows:
        changed[f"execution:{to_ulid(execution_id)}"] = event_id
        changed[f"app:{application}"] = event_id
    return changed


class Hints:
    """What Redis says, when it is there. All it can do is end a wait early."""

    def __init__(self) -> None:
        self._redis = Redis.from_url(settings.REDIS_URL, socket_connect_timeout=0.3)
        self._pubsub = self._redis.pubsub(ignore_subscribe_messages=True)

    async def __aenter__(self) -> Hints:
        return self

    async def __aexit__(self, *error: object) -> None:
        try:
            await self._pubsub.aclose()  # type: ignore[no-untyped-call]
            await self._redis.aclose()
        except RedisError:
            log.debug("Redis was gone already")

    async def wait(self, seconds: float) -> None:
        """Until a hint comes, at most so long."""
        until = time.monotonic() + seconds
        try:
            if not self._pubsub.subscribed:
                await self._pubsub.subscribe(CHANNEL)
            while (left := until - time.monotonic()) > 0:
                if await self._pubsub.get_message(timeout=left):
                    return
        except (RedisError, OSError):
            await self._pubsub.reset()
            await asyncio.sleep(max(until - time.monotonic(), 0))


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run it beside the loop; the connection it used goes back at once."""

    def run() -> Any:
        try:
            return function(*arguments)
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


@require_safe
def live(request: Request) -> HttpResponseBase:
    """`/live?topics=app:shop,execution:<id>`. Nothing the reader may see: 404. Too many streams: 503."""
    topics = allowed(request.actor, request.GET.get("topics", "").split(",")[:MOST_TOPICS])
    if not topics:
        raise Http404
    if not HUB.has_room(request.user.pk):
        return HttpResponse("Too many streams; poll instead.", status=503, headers={"Retry-After": "30"})
    last = request.headers.get("Last-Event-ID", "")
    reader = Reader(request.user.pk or 0, request.session.session_key or "")
    events = _events(topics, int(last) if last.isdecimal() and len(last) < 19 else None, reader)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(events, content_type="text/event-stream", headers=headers)


def allowed(actor: Actor, topics: Iterable[str]) -> frozenset[str]:
    """Those of the topics that the actor may see."""
    names, ids = set(), set()
    for topic in topics:
        kind, _, key = topic.partition(":")
        if kind == "app":
            names.add(key)
        elif kind == "execution":
            try:
                ids.add(from_ulid(key))
            except ValueError:
                continue
    applications = Application.objects.visible_to(actor).filter(name__in=names) if names else []
    executions = visible.executions(actor).filter(id__in=ids).only("id") if ids else []
    return frozenset([f"app:{one.name}" for one in applications] + [f"execution:{one.ulid}" for one in executions])


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose stream it is, to be asked again while it lasts."""

    user_id: int
    session_key: str

    def still_may(self, topics: frozenset[str]) -> bool:
        """Whether the session goes on, of the same person, and they may see all of the topics."""
        user = session_limits.user_of(self.session_key)
        return user.pk == self.user_id and topics <= allowed(actor_of(user), topics)


def _missed(topics: frozenset[str], last: int | None) -> dict[str, int]:
    """What happened since the browser was last told. A page that has just been opened is told all, once."""
    newest = newest_event()
    if last is None or newest - last > MOST_ROWS - OVERLAP:
        return dict.fromkeys(topics, newest)
    happened = _topics(_rows_after(last - OVERLAP))
    return {topic: version for topic, version in happened.items() if topic in topics and version > last}


async def _events(topics: frozenset[str], last: int | None, reader: Reader) -> AsyncIterator[str]:
    # The request's own thread would keep its connection as long as the stream lives.
    await sync_to_async(connections.close_all)()
    stream = Stream(topics, reader.user_id)
    HUB.join(stream)
    try:
        yield "retry: 1000\n\n"
        stream.offer(await in_thread(_missed, topics, last))
        started = checked = time.monotonic()
        while time.monotonic() - started < STREAM_SECONDS:
            changes = await stream.changes(BEAT_SECONDS)
            if time.monotonic() - checked > (CHECK_TO_TELL_SECONDS if changes else CHECK_SECONDS):
                checked = time.monotonic()
                if not await in_thread(reader.still_may, topics):
                    return
            yield _message(changes) if changes else "event: beat\ndata: 1\n\n"
    finally:
        HUB.leave(stream)


def _message(changes: dict[str, int]) -> str:
    return f"id: {max(changes.values())}\ndata: {json.dumps(changes)}\n\n"
