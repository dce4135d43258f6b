"""Constant requests against an address, each on a new or on a kept connection, never repeated by the client."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

PAUSE_SECONDS = 0.005


def get(address: str, path: str = "/", *, source: str = "", method: str = "GET") -> tuple[int, Any, str]:
    """Status, decoded body, and the instance that answered. Raises OSError or HTTPException."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10, source_address=(source, 0) if source else None)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        content = response.read()
        instance = response.getheader("X-Instance", "")
        return response.status, json.loads(content) if instance else content, instance
    finally:
        connection.close()


def can_connect(address: str, source: str) -> bool:
    try:
        return get(address, source=source)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


@dataclass
class Traffic:
    """with Traffic(address) as traffic: …; afterwards `failures` are what went wrong, `served` counts by instance."""

    address: str
    path: str = "/"
    failures: list[str] = field(default_factory=list)
    served: Counter[str] = field(default_factory=Counter)
    _is_over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Traffic:
        self._threads = [
            threading.Thread(target=self._send, args=(is_kept,), daemon=True) for is_kept in (True, True, False, False)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        time.sleep(0.2)
        self._is_over.set()
        for thread in self._threads:
            thread.join(15)

    def _send(self, is_kept: bool) -> None:
        host, _, port = self.address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        while not self._is_over.wait(PAUSE_SECONDS):
            try:
                connection.request("GET", self.path)
                response = connection.getresponse()
                response.read()
                if response.status == 200:
                    self.served[response.getheader("X-Instance", "")] += 1
                else:
                    self.failures.append(f"HTTP {response.status}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{'kept' if is_kept else 'new'}: {error!r}")
                connection.close()
            if not is_kept:
                connection.close()
        connection.close()
