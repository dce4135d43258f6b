"""How far an instance is kept from the rest of this host. Tried out once, when the agent starts: the best that works.

user       the agent is root: each server group has its own user, which may read only its own package
namespace  as our own user in a namespace where the data folder is covered and nothing can be traced
none       neither is possible here: instances have our own rights (`/health` says so)
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    """What becomes of a confined process. `folder` holds it, `home` is its own; both below the instances' folder."""

    argv: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    home: Path
    uid: int


def order(program: Program, isolation: Isolation, hidden: Sequence[Path], parent: int) -> dict[str, str]:
    """The environment that tells confine.py what to do; see there."""
    text: dict[str, Any] = {
        "parent": parent,
        "argv": list(program.argv),
        "cwd": str(program.folder),
        "env": dict(program.env),
        "uid": program.uid if isolation is Isolation.USER else None,
        "hide": [str(path) for path in hidden] if isolation is Isolation.NAMESPACE else None,
        "folder": str(program.folder),
        "home": str(program.home),
    }
    return {"CONFINE_ORDER": json.dumps(text)}


def best(folder: Path, hidden: Sequence[Path]) -> Isolation:
    """Try each way with a program that does nothing."""
    home = folder / "probe"
    home.mkdir(exist_ok=True)
    program = Program(argv=[shutil.which("true") or "/bin/true"], env={}, folder=folder, home=home, uid=FIRST_UID)
    candidates = [Isolation.USER] if os.geteuid() == 0 else [Isolation.NAMESPACE] if sys.platform == "linux" else []
    try:
        for isolation in candidates:
            env = order(program, isolation, hidden, os.getpid())
            if subprocess.run(CONFINE, env=env, stdin=subprocess.DEVNULL, check=False).returncode == 0:
                return isolation
    finally:
        home.rmdir()
    return Isolation.NONE
