"""Many open pages cost little: no database connection while nothing happens, and one reader for all."""

import threading
import time

import httpx
import pytest
from django.test import Client

from clusters.trust.permissions import actor_of
from pipelines import operations
from tests.processes import eventually

pytestmark = pytest.mark.slow

STREAMS = 40


def test_forty_streams_hold_no_connection_and_all_are_told(site, alice, shop):
    browser = Client()
    browser.force_login(alice)
    cookies = {"sessionid": browser.cookies["sessionid"].value}
    told: list[float] = []
    opened: list[int] = []

    def listen() -> None:
        with httpx.stream("GET", f"{site.url}/live?topics=app:shop", cookies=cookies, timeout=30) as answer:
            opened.append(answer.status_code)
            lines = (line for line in answer.iter_lines() if line.startswith("data: {"))
            next(lines)  # where things stand
            next(lines)
            told.append(time.monotonic())

    threads = [threading.Thread(target=listen, daemon=True) for _ in range(STREAMS)]
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
