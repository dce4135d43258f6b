"""The RQ part of a worker process: optional, retried when Redis is away. One queue a process, jobs run in it."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import django_rq
from django.db import connection
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

log = logging.getLogger(__name__)

#: Seconds between two tries to reach Redis.
RETRY_SECONDS = 1.0
#: How often a busy worker tells RQ that it is there; RQ forgets one that was silent for eight minutes.
HEARTBEAT_SECONDS = 10.0

_busy = threading.Event()


class HintWorker(SimpleWorker):
    """Runs jobs in this process and leaves signals to it.

    RQ's own bookkeeping, some sixty commands a job, is what makes a job's loss and failure known. A hint may be lost,
    and what it hints at has its history and its lease in the database; so a hint is fetched, obeyed and forgotten.
    """

    stopping: threading.Event
    _beaten_at = float("-inf")

    def _install_signal_handlers(self) -> None:
        """The process has its own."""

    def execute_job(self, job: Job, queue: Queue) -> None:
        _busy.set()
        try:
            job.perform()
        except Exception:
            log.exception("hint %s failed; the timer will find what it was about", job.description)
            connection.close()  # it may be what failed
        finally:
            self._forget(job, queue)
            _busy.clear()
            if self.stopping.is_set():
                raise SystemExit

    def _forget(self, job: Job, queue: Queue) -> None:
        with self.connection.pipeline() as together:
            together.lrem(queue.intermediate_queue_key, 1, job.id)
            together.delete(job.key)
            together.execute()

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        """RQ calls this several times around each job."""
        if time.monotonic() - self._beaten_at > HEARTBEAT_SECONDS:
            super().heartbeat(*args, **kwargs)
            self._beaten_at = time.monotonic()


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
