"""The least such work can cost, with psycopg and Redis by hand. One transaction a stage: end it, two lines of history,
start the next.

Run as a program (`python -m bench.floors rq|worker|web PORT`) it is the other process of a floor.
"""

from __future__ import annotations

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import psycopg
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

TABLES = """
CREATE TABLE IF NOT EXISTS floor_run (id bigserial PRIMARY KEY, status text NOT NULL DEFAULT 'RUNNING');
CREATE TABLE IF NOT EXISTS floor_stage (run bigint, n int, status text NOT NULL, PRIMARY KEY (run, n));
CREATE TABLE IF NOT EXISTS floor_event (run bigint, seq serial, what text);
"""
QUEUE = "floor"


def database() -> psycopg.Connection[Any]:
    return psycopg.connect(os.environ["DATABASE_URL"])


def queue() -> Redis:
    return Redis.from_url(os.environ["REDIS_URL"])


def admit(connection: psycopg.Connection[Any], stages: int) -> int:
    """A run with its stages, in one transaction; its id."""
    with connection.transaction():
        (run,) = connection.execute("INSERT INTO floor_run DEFAULT VALUES RETURNING id").fetchone() or (0,)
        with connection.cursor() as cursor:
            rows = [(run, n, "NOT_STARTED") for n in range(stages)]
            cursor.executemany("INSERT INTO floor_stage VALUES (%s, %s, %s)", rows)
    return int(run)


def advance(connection: psycopg.Connection[Any], run: int, n: int, stages: int) -> None:
    """Stage n ends, the next begins: one transaction."""
    with connection.transaction():
        connection.execute("UPDATE floor_stage SET status = 'SUCCEEDED' WHERE run = %s AND n = %s", (run, n))
        connection.execute("UPDATE floor_stage SET status = 'RUNNING' WHERE run = %s AND n = %s", (run, n + 1))
        connection.execute("INSERT INTO floor_event (run, what) VALUES (%s, 'ended'), (%s, 'started')", (run, run))
        if n + 1 == stages:
            connection.execute("UPDATE floor_run SET status = 'SUCCEEDED' WHERE id = %s", (run,))


def inline_chain(connection: psycopg.Connection[Any], stages: int) -> float:
    """Seconds for a chain in one process that nobody has to wake."""
    began = time.time()
    run = admit(connection, stages)
    for n in range(stages):
        advance(connection, run, n, stages)
    return time.time() - began


def rq_chain(connection: psycopg.Connection[Any], stages: int) -> float:
    """Seconds for a chain in which each stage is an RQ job that enqueues the next, as raw RQ would do it."""
    began = time.time()
    run = admit(connection, stages)
    Queue(QUEUE, connection=queue(), serializer=JSONSerializer).enqueue("bench.floors.rq_stage", run, 0, stages)
    return ended_at(connection, "floor_run", "id", run, "SUCCEEDED") - began


_job_database: psycopg.Connection[Any] | None = None


def rq_stage(run: int, n: int, stages: int) -> None:
    global _job_database
    if _job_database is None:
        _job_database = database()
    advance(_job_database, run, n, stages)
    if n + 1 < stages:
        Queue(QUEUE, connection=queue(), serializer=JSONSerializer).enqueue("bench.floors.rq_stage", run, n + 1, stages)


def ended_at(connection: psycopg.Connection[Any], table: str, key: str, row: Any, status: str) -> float:
    """Epoch seconds of the commit that gave the row this status; waits for it at most ten seconds."""
    query = f"SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM {table} WHERE {key} = %s AND status = %s"
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with connection.transaction():
            found = connection.execute(query, (row, status)).fetchone()  # type: ignore[arg-type]
        if found:
            return float(found[0])
        time.sleep(0.003)
    raise TimeoutError(f"{table} {row} did not become {status} within 10 s")


class Web(BaseHTTPRequestHandler):
    """POST: a run of ten stages in one transaction, then a doorbell."""

    protocol_version = "HTTP/1.1"
    connection_to_database: psycopg.Connection[Any]
    bell: Redis

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        run = admit(self.connection_to_database, 10)
        self.bell.lpush("floor-bell", run)
        body = json.dumps({"run": run}).encode()
        self.send_response(202)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def serve(port: int) -> None:
    Web.connection_to_database, Web.bell = database(), queue()
    HTTPServer(("127.0.0.1", port), Web).serve_forever()


def work() -> None:
    """Start the first stage of whatever the bell names."""
    connection, bell = database(), queue()
    while True:
        _, run = bell.brpop(["floor-bell"])  # type: ignore[misc]
        with connection.transaction():
            connection.execute("UPDATE floor_stage SET status = 'RUNNING' WHERE run = %s AND n = 0", (int(run),))


def work_rq() -> None:
    connection = queue()
    jobs = Queue(QUEUE, connection=connection, serializer=JSONSerializer)
    SimpleWorker([jobs], connection=connection, serializer=JSONSerializer).work(logging_level="ERROR")


if __name__ == "__main__":
    {"web": lambda: serve(int(sys.argv[2])), "worker": work, "rq": work_rq}[sys.argv[1]]()
