"""The agent's memory: records of each kind as JSON in one SQLite file (WAL), read and written whole.

with store.change():            # one transaction; other threads wait
    group = store.groups.get(key)
    store.groups.put(replace(group, …))
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from clusters.core.values import Image, Package, SecurityGroup
from clusters.providers.local.agent.records import Baking, Balancer, Group, Server, path_key

T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS record (n INTEGER PRIMARY KEY, kind TEXT, key TEXT, body BLOB, UNIQUE (kind, key))
"""
UPSERT = """
INSERT INTO record (kind, key, body) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body
"""


class Table(Generic[T]):
    """Records of one kind by key, oldest first."""

    def __init__(self, store: Store, name: str, kind: type[T], key: Callable[[T], str]) -> None:
        self._store = store
        self._name = name
        self._codec = TypeAdapter(kind)
        self._key = key

    def get(self, key: str) -> T | None:
        rows = self._store.execute("SELECT body FROM record WHERE kind = ? AND key = ?", self._name, key)
        return self._codec.validate_json(rows[0][0]) if rows else None

    def all(self) -> list[T]:
        rows = self._store.execute("SELECT body FROM record WHERE kind = ? ORDER BY n", self._name)
        return [self._codec.validate_json(body) for (body,) in rows]

    def put(self, record: T) -> T:
        body = self._codec.dump_json(record)
        self._store.execute(UPSERT, self._name, self._key(record), body)
        return record

    def delete(self, key: str) -> None:
        self._store.execute("DELETE FROM record WHERE kind = ? AND key = ?", self._name, key)


class Store:
    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA synchronous = FULL")
        self.execute(SCHEMA)
        self.groups = Table(self, "server_group", Group, lambda group: group.key)
        self.servers = Table(self, "instance", Server, lambda server: server.id)
        self.balancers = Table(self, "load_balancer", Balancer, lambda balancer: balancer.key)
        self.firewalls = Table(
            self, "security_group", SecurityGroup, lambda group: path_key(group.account, group.region, group.name)
        )
        self.images = Table(self, "image", Image, lambda image: path_key(image.account, image.region, image.id))
        self.bakes = Table(self, "bake", Baking, lambda bake: bake.id)
        self.packages = Table(self, "package", Package, lambda package: f"{package.name}/{package.version}")

    @contextmanager
    def change(self) -> Iterator[None]:
        """One transaction. An error inside undoes it."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.execute("ROLLBACK")
                raise
            self.execute("COMMIT")

    def servers_of(self, group: Group) -> list[Server]:
        return [server for server in self.servers.all() if server.group == group.key]

    def execute(self, sql: str, *values: object) -> list[tuple[bytes]]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()
