"""Many open pages cost little: no database connection while nothing happens, and one reader for all."""

import threading
import time

import httpx
import pytest
from django.contrib.auth.models import User
from django.test import Client

from clusters.trust.permissions import actor_of
from pipelines import operations
from tests.processes import eventually

pytestmark = pytest.mark.slow

STREAMS = 40


def session_of(person: User) -> dict[str, str]:
    browser = Client()
    browser.force_login(person)
    return {"sessionid": browser.cookies["sessionid"].value}


def test_forty_streams_hold_no_connection_and_all_are_told(site, alice, shop):
    colleague = User.objects.create_user("colleague")
    colleague.groups.set(alice.groups.all())
    cookies, others = (session_of(person) for person in (alice, colleague))  # one person may have but half of them
    told: list[float] = []
    opened: list[int] = []

    def listen(session: dict[str, str]) -> None:
        with httpx.stream("GET", f"{site.url}/live?topics=app:shop", cookies=session, timeout=30) as answer:
            opened.append(answer.status_code)
            lines = (line for line in answer.iter_lines() if line.startswith("data: {"))
            next(lines)  # where things stand
            next(lines)
            told.append(time.monotonic())

    sessions = [cookies, others] * (STREAMS // 2)
    threads = [threading.Thread(target=listen, args=[session], daemon=True) for session in sessions]
    for thread in threads:
        thread.start()
    assert eventually(lambda: opened == [200] * STREAMS, 20)
    # The pool has 20 connections: had each stream kept one, the last could not have begun, nor could this page.
    assert httpx.get(f"{site.url}/executions", cookies=cookies, timeout=3).status_code == 200
    said = time.monotonic()
    operations.run_task(actor_of(alice), shop, "Nothing", [{"refId": "1", "type": "wait", "waitTime": 0}])
    for thread in threads:
        thread.join(10)
    assert len(told) == STREAMS
    assert max(told) - said < 2
