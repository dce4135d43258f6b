"""The package store: archives as they were uploaded, named by their digest."""

from __future__ import annotations

import builtins
import hashlib
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO

from clusters.core.values import Package
from clusters.providers.base import NameTaken
from clusters.providers.local import archive as package_archive
from clusters.providers.local.agent.store import Store


class Packages:
    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder

    def list(self) -> builtins.list[Package]:
        return self._store.packages.all()

    def put(self, name: str, version: str, archive: BinaryIO) -> Package:
        package_archive.check_name(name, version)
        package_archive.check(archive)
        size = archive.seek(0, os.SEEK_END)
        sha256 = digest_of(archive)
        with self._store.change():
            existing = self._store.packages.get(f"{name}/{version}")
            if existing and existing.sha256 != sha256:
                raise NameTaken(f"package {name} {version} exists with other bytes", field="version")
            if existing:
                return existing
            self._keep(archive, sha256)
            return self._store.packages.put(Package(name, version, sha256, size, datetime.now(UTC)))

    def path(self, package: Package) -> Path:
        return self._folder / package.sha256

    def _keep(self, archive: BinaryIO, sha256: str) -> None:
        """Whole on disk before it is remembered."""
        draft = self._folder / f"{sha256}.new"
        archive.seek(0)
        with draft.open("wb") as file:
            shutil.copyfileobj(archive, file, 1024**2)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._folder / sha256)


def digest_of(file: IO[bytes]) -> str:
    """SHA-256 of the whole file."""
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(1024**2):
        digest.update(chunk)
    return digest.hexdigest()
