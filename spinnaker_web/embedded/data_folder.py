"""The one folder that keeps everything: databases, secrets, logs, packages of the local cloud."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tomllib
from pathlib import Path
from typing import Any

from spinnaker_web.embedded import StartError, lock
from spinnaker_web.embedded.private import write_private

NEEDED_BYTES = 200 * 1024 * 1024
LOG_BYTES = 10 * 1024 * 1024

#: The checkout: manage.py, pyproject.toml, the packages.
PROJECT = Path(__file__).resolve().parent.parent.parent


class DataFolder:
    """Taken by one `up` at a time, until the process ends. Raises StartError when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._attach_file = path / "up.json"
        try:
            path.mkdir(parents=True, exist_ok=True)
            # The local cloud's instances are somebody else when we are root: they may pass through, not look around.
            path.chmod(0o711 if os.geteuid() == 0 else 0o700)
            self._take()
        except OSError as error:
            raise StartError(
                f"The data folder {path} cannot be used: {(error.strerror or str(error)).lower()}."
            ) from None
        self._check_version()
        self._check_space()
        self._attach_file.unlink(missing_ok=True)

    def secret(self, name: str) -> str:
        """A random text of 67 characters, made once and kept in a file of its own."""
        path = self.path / name
        if not path.exists():
            write_private(path, secrets.token_urlsafe(50))
        return path.read_text()

    def log(self, name: str) -> Path:
        """Where a part writes. A large log of earlier runs moves aside, over the one before it."""
        (self.path / "logs").mkdir(mode=0o700, exist_ok=True)
        path = self.path / "logs" / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path

    def publish(self, facts: dict[str, Any]) -> None:
        """Tell other commands on this host (`make demo`) how to attach; for our own user's eyes only."""
        write_private(self._attach_file, json.dumps(facts, indent=1))

    def retract(self) -> None:
        """What `publish` told is over."""
        self._attach_file.unlink(missing_ok=True)

    def _take(self) -> None:
        owner = self.path / "up.lock"
        try:
            descriptor = lock.hold(owner)
        except lock.Held:
            raise StartError(f"Process {owner.read_text()} already runs on {self.path}.") from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())

    def _check_version(self) -> None:
        """Refuse data of a newer release, whose migrations this one does not know; remember who wrote last."""
        path, ours = self.path / "version", _version()
        theirs = path.read_text().strip() if path.exists() else ours
        if _numbers(theirs) > _numbers(ours):
            raise StartError(
                f"{self.path} was written by version {theirs} and this is {ours}: update, or choose another DATA_DIR."
            )
        write_private(path, ours)

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.path).free
        if free < NEEDED_BYTES:
            raise StartError(
                f"The disk is full: {self.path} has room for {free // 2**20} MB and needs {NEEDED_BYTES // 2**20} MB."
            )


def _version() -> str:
    return str(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"])


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]
