"""How to start a program that refuses to run as root, PostgreSQL, when we are root.

First choice: a user namespace in which root is called something else; files stay root's. Where the host forbids those:
become that user for real, which needs folders it can reach.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from spinnaker_web.embedded import StartError

#: The program looks its own name up, so it must be a user this host knows. The first that exists is taken.
CANDIDATES = ("postgres", "nobody", "daemon")


def prefix(program: Path, folder: Path, death_signal: str) -> list[str]:
    """The words to put before `program`, which works in `folder`; none when this user is good enough.

    Makes `folder` belong to whoever will run. `death_signal` ("QUIT") is for the one way that loses the parent's tie.
    Raises StartError when no way is open.
    """
    if os.geteuid() != 0 and _has_a_name(os.geteuid()):
        return []
    user = _somebody()
    namespace = ["unshare", "--user", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}"]
    if _works([*namespace, "true"]):
        _give(folder, os.geteuid(), os.getegid())
        return namespace
    if os.geteuid() == 0:
        _give(folder, user.pw_uid, user.pw_gid)
        become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        if _works([*become, "test", "-w", str(folder), "-a", "-x", str(program)]):
            return [*become, "--pdeathsig", death_signal]
    raise StartError(
        f"{program.name} refuses to run as root, this host allows no user namespaces, and {user.pw_name} cannot use "
        f"both {folder} and {program}: run this as an ordinary user, or set DATABASE_URL."
    )


def _has_a_name(uid: int) -> bool:
    with suppress(KeyError):
        return bool(pwd.getpwuid(uid))
    return False


def _somebody() -> pwd.struct_passwd:
    for name in CANDIDATES:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise StartError("PostgreSQL refuses to run as root and this host has no user 'nobody': set DATABASE_URL.")


def _works(argv: list[str]) -> bool:
    return bool(shutil.which(argv[0])) and subprocess.run(argv, capture_output=True).returncode == 0


def _give(folder: Path, uid: int, gid: int) -> None:
    """Hand over a folder and all in it, unless that was done before."""
    if folder.stat().st_uid == uid:
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent, name), uid, gid, follow_symlinks=False)
    os.chown(folder, uid, gid)
