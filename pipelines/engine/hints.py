"""The RQ part of a worker process: optional, retried when Redis is away. One queue a process, jobs run in it."""

from __future__ import annotations

import logging
import threading
from typing import Any

import django_rq
from django.db import close_old_connections
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.serializers import JSONSerializer

log = logging.getLogger(__name__)

#: Seconds between two tries to reach Redis.
RETRY_SECONDS = 1.0

_busy = threading.Event()


class HintWorker(SimpleWorker):
    """Runs jobs in this process and leaves signals to it."""

    stopping: threading.Event

    def _install_signal_handlers(self) -> None:
        """The process has its own."""

    def perform_job(self, *args: Any, **kwargs: Any) -> Any:
        close_old_connections()
        _busy.set()
        try:
            return super().perform_job(*args, **kwargs)
        finally:
            _busy.clear()
            if self.stopping.is_set():
                raise SystemExit


def leave_if_idle() -> None:
    """For a signal handler: end a wait for hints. A job under way ends by itself, soon, and then leaves."""
    if not _busy.is_set():
        raise SystemExit


def listen(queue_name: str, stopping: threading.Event) -> None:
    """Take hints from the queue until `stopping` is set."""
    try:
        while not stopping.is_set():
            _work(queue_name, stopping)
            stopping.wait(RETRY_SECONDS)
    except SystemExit:
        return


def _work(queue_name: str, stopping: threading.Event) -> None:
    try:
        queue = django_rq.get_queue(queue_name)
        worker = HintWorker([queue], connection=queue.connection, serializer=JSONSerializer)
        worker.stopping = stopping
        worker.work(logging_level="CRITICAL")
    except RedisError as error:
        log.debug("no hints: %s", error)
