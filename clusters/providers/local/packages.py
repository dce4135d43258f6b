"""Packages by way of the agent."""

from __future__ import annotations

import builtins
from typing import BinaryIO

from clusters.core.values import Package
from clusters.providers.local.archive import check_name
from clusters.providers.local.client import Client


class Packages:
    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self) -> builtins.list[Package]:
        return self._client.call("packages/list", builtins.list[Package])

    def put(self, name: str, version: str, archive: BinaryIO) -> Package:
        check_name(name, version)  # before they become a path
        archive.seek(0)
        return self._client.upload(name, version, archive)
