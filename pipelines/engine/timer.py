"""The timer of every worker process: sleeps until an execution falls due and drives it, with or without a queue."""

from __future__ import annotations

import logging
import random
import threading

from django.db import Error, connection

from pipelines.engine import outbox, sweep
from pipelines.engine.drive import STOPPING, drive

log = logging.getLogger(__name__)

#: Longest sleep, seconds: how late work may be found that no hint told of and no timer knew.
LONGEST_SLEEP = 1.0

_woken = threading.Event()


def nudge() -> None:
    """Look again now: something may have become due sooner than was known."""
    _woken.set()


def run() -> None:
    """Until STOPPING is set."""
    while not STOPPING.is_set():
        try:
            pause = _turn()
        except Error as error:
            log.warning("the database does not answer: %s", error)
            connection.close()
            pause = LONGEST_SLEEP
        _woken.wait(pause)
        _woken.clear()
    connection.close()


def _turn() -> float:
    """Drive all that is due; seconds to sleep afterwards."""
    _woken.clear()
    outbox.deliver()
    ids = sweep.due()
    for execution_id in ids:
        if not STOPPING.is_set():
            drive(execution_id)
    if len(ids) == sweep.PAGE:
        return 0.0
    seconds = sweep.seconds_to_next()
    # Jitter, so that many idle workers do not look in step.
    return min(LONGEST_SLEEP * random.uniform(0.8, 1.0), seconds if seconds is not None else LONGEST_SLEEP)  # noqa: S311
