"""Where things are kept. Below the data folder everything is private (0700); instances get a place they can reach.

    DIR/agent.sqlite3  agent.lock  packages/  images/  logs/  haproxy/  instances/ (see `Layout.instances`)

A unix socket's path holds at most 107 bytes, so sockets go to a short private folder when DIR is deep.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

LONGEST_SOCKET_FOLDER = 80
#: Where root keeps instances when users other than root cannot reach the data folder.
SYSTEM_INSTANCES = Path("/var/lib/spinnaker-instances")


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders that exist. `instances` is reachable for every user, though only its parts are readable, and to whom."""

    data: Path
    packages: Path
    images: Path
    logs: Path
    haproxy: Path
    sockets: Path
    instances: Path

    @property
    def database(self) -> Path:
        return self.data / "agent.sqlite3"

    @property
    def lock(self) -> Path:
        return self.data / "agent.lock"


def make(data: Path) -> Layout:
    data = data.resolve()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    private = {name: _private(data / name) for name in ("packages", "images", "logs", "haproxy")}
    return Layout(data=data, sockets=_sockets(data), instances=_instances(data), **private)


def _sockets(data: Path) -> Path:
    folder = data / "run"
    if len(str(folder)) <= LONGEST_SOCKET_FOLDER:
        return _private(folder)
    return _own(_private(Path(tempfile.gettempdir()) / f"spinnaker-{_digest(data)}"))


def _instances(data: Path) -> Path:
    """Where root starts instances as other users, each folder above must let them pass; else all is one user's."""
    folder = data / "instances"
    if os.geteuid() == 0 and not all(_lets_pass(parent) for parent in data.parents):
        folder = _passable(SYSTEM_INSTANCES) / _digest(data)
    elif os.geteuid() == 0:
        data.chmod(0o711)
    return _passable(folder)


def _passable(folder: Path) -> Path:
    """Made, and opened in a call of its own: mkdir's mode is cut down by whatever umask we were started with."""
    folder.mkdir(exist_ok=True)
    _own(folder).chmod(0o711)
    return folder


def _lets_pass(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _own(folder: Path) -> Path:
    """Refuse a folder that somebody else put there first."""
    facts = folder.lstat()
    if facts.st_uid != os.geteuid() or not stat.S_ISDIR(facts.st_mode):
        raise PermissionError(f"{folder} is not ours")
    return folder


def _digest(data: Path) -> str:
    return hashlib.sha256(str(data).encode()).hexdigest()[:16]
