"""How far other people's code is kept from the rest of this host: the best that works here, tried out once.

user       we are root: it runs as a user of its own, which may read only what it was given
namespace  as our own user in a namespace where what is ours is covered and nothing can be traced
none       neither is possible here: it would have our own rights

The local cloud's instances and the scripts of pipelines run so.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

CONFINE = [sys.executable, "-I", "-S", str(Path(__file__).with_name("confine.py"))]
FIRST_UID, LAST_UID = 64000, 64999


class Isolation(StrEnum):
    USER = "user"
    NAMESPACE = "namespace"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Program:
    """What becomes of a confined process. `folder` holds it, `home` is its own and may lie in it.

    `limits`, `private`, `has_network` and `is_alone` are as confine.py says.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    home: Path
    uid: int
    limits: Mapping[str, int] = field(default_factory=dict)
    starts_at_home: bool = False
    private: Sequence[Path] = ()
    has_network: bool = True
    is_alone: bool = False


def order(program: Program, isolation: Isolation, hidden: Sequence[Path], parent: int) -> dict[str, str]:
    """The environment that tells confine.py what to do; see there."""
    text: dict[str, Any] = {
        "parent": parent,
        "argv": list(program.argv),
        "cwd": str(program.home if program.starts_at_home else program.folder),
        "env": dict(program.env),
        "uid": program.uid if isolation is Isolation.USER else None,
        "hide": [str(path) for path in hidden] if isolation is Isolation.NAMESPACE else None,
        "folder": str(program.folder),
        "home": str(program.home),
        "limits": dict(program.limits),
        "private": [str(path) for path in program.private],
        "network": program.has_network,
        "alone": program.is_alone,
    }
    return {"CONFINE_ORDER": json.dumps(text)}


def best(folder: Path, hidden: Sequence[Path], **how: Any) -> Isolation:
    """Try each way with a program that does nothing; `how` are fields of Program."""
    home = folder / "probe"
    home.mkdir(exist_ok=True)
    program = Program(argv=[shutil.which("true") or "/bin/true"], env={}, folder=folder, home=home, uid=FIRST_UID)
    program = replace(program, **how)
    candidates = [Isolation.USER] if os.geteuid() == 0 else [Isolation.NAMESPACE] if sys.platform == "linux" else []
    try:
        for isolation in candidates:
            env = order(program, isolation, hidden, os.getpid())
            tried = subprocess.run(CONFINE, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            if tried.returncode == 0:
                return isolation
    finally:
        home.rmdir()
    return Isolation.NONE


def to_hide(*ours: Path) -> list[Path]:
    """`ours` and what the operator keeps beside it: their home, and the sockets of their session (keys, desktop).

    A home that holds what programs run from, as that of a service may, stays visible, or no interpreter would start.
    Each folder once, none inside another: covering the outer one covers it, too.
    """
    uid = os.geteuid()
    personal = [Path(os.environ.get("HOME") or "/"), Path(f"/run/user/{uid}")]
    with suppress(KeyError):  # a user without a name, as in containers
        personal.append(Path(pwd.getpwuid(uid).pw_dir))
    needed = [Path(path) for path in (*PATH.split(":"), "/lib", "/etc", "/proc", "/dev", "/tmp")]  # noqa: S108 # nosec
    personal = [path for path in personal if path.is_dir() and not _holds(path, needed)]
    folders = {path.resolve() for path in (*ours, *personal)}
    return sorted(
        path for path in folders if not any(other != path and path.is_relative_to(other) for other in folders)
    )


def _holds(folder: Path, needed: Sequence[Path]) -> bool:
    folder = folder.resolve()
    return any(path.is_relative_to(folder) or path.resolve().is_relative_to(folder) for path in needed)


#: Where programs run from, whoever runs them.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LANG = "C.UTF-8"
