"""Clients that ask through a load balancer without a pause: half keep their connection, half always open a new one."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

CLIENTS = 6
#: Requests a second of one client.
RATE = 15.0
TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that got no good answer. Monotonic seconds."""

    began_at: float
    ended_at: float
    reason: str


@dataclass(slots=True)
class Record:
    """What all clients saw."""

    answers: int = 0
    began_at: float = 0.0
    ended_at: float = 0.0
    last_at: float = 0.0
    longest_gap: float = 0.0
    versions: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / max(self.ended_at - self.began_at, 0.001)


class Traffic:
    """A context manager: traffic flows inside of it."""

    def __init__(self, address: str) -> None:
        self.record = Record()
        self._address = address
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._client, args=(number % 2 == 0,), daemon=True) for number in range(CLIENTS)
        ]

    def __enter__(self) -> Traffic:
        self.record.began_at = self.record.last_at = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(TIMEOUT + 1)
        self.record.ended_at = time.monotonic()

    def _client(self, keeps_connection: bool) -> None:
        connection: http.client.HTTPConnection | None = None
        next_at = time.monotonic()
        while not self._stop.wait(max(0.0, next_at - time.monotonic())):
            next_at = max(next_at + 1 / RATE, time.monotonic() - 1)
            connection = self._ask(connection or http.client.HTTPConnection(self._address, timeout=TIMEOUT))
            if connection and not keeps_connection:
                connection.close()
                connection = None

    def _ask(self, connection: http.client.HTTPConnection) -> http.client.HTTPConnection | None:
        """One request; the connection when it can be used again."""
        began_at = time.monotonic()
        try:
            connection.request("GET", "/version")
            response = connection.getresponse()
            version = response.read().decode(errors="replace").strip()
            reason = "" if response.status == http.client.OK else f"HTTP {response.status}"
        except (OSError, http.client.HTTPException) as error:
            version, reason = "", f"{type(error).__name__}: {error}"
        self._note(began_at, version, reason)
        if reason or response.will_close:
            connection.close()
            return None
        return connection

    def _note(self, began_at: float, version: str, reason: str) -> None:
        now = time.monotonic()
        with self._guard:
            if reason:
                self.record.failures.append(Failure(began_at, now, reason))
                return
            self.record.answers += 1
            self.record.versions[version] += 1
            self.record.longest_gap = max(self.record.longest_gap, now - self.record.last_at)
            self.record.last_at = now
