"""AWS keeps no packages for us: builders install them from a repository, as `config.bake.install` says."""

from __future__ import annotations

import builtins
from typing import BinaryIO

from clusters.core.values import Package
from clusters.providers.base import InvalidRequest


class Packages:
    def list(self) -> builtins.list[Package]:
        return []

    def put(self, name: str, version: str, archive: BinaryIO) -> Package:
        raise InvalidRequest("AWS accounts keep no packages; put it into the repository that bakes install from")
