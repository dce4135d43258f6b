"""Gives up rights, then becomes the program: `python -I -S confine.py` with the order as JSON in CONFINE_ORDER.

Run as a script of its own, so that nothing of ours is in memory and no variable that a user chose (LD_PRELOAD,
PYTHONPATH) is seen before the rights are gone. The order:

    parent   id of the process that started us, whose end the kernel makes ours
    argv cwd env              of the program
    uid      user and group to become, or null
    hide     folders to cover in a namespace of our own user, or null: we stay in that of all
    private  folders to replace by empty ones for anybody to write to, that only we see
    folder   what stays visible of those folders, read only
    home     likewise, writable
    limits   further limits by name: {"AS": bytes, "CPU": seconds, "NPROC": count, …}
    network  false: in a network namespace of its own, where nothing can be reached
    alone    true, with `hide`: in a process namespace of its own, whose processes end with the first

Ends with 126 and a sentence on stderr when a right cannot be given up: better no process than a free one.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any, NoReturn

LIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_FSIZE: 1024**3,
    resource.RLIMIT_NOFILE: 4096,
}
MOST_PROCESSES = 1024
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x00020000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MS_RELATIME, ST_RELATIME = 1 << 21, 4096
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    order = json.loads(os.environ["CONFINE_ORDER"])
    try:
        confine(order)
    except OSError as error:
        give_up(126, f"cannot be confined: {error}")
    try:
        os.execve(order["argv"][0], order["argv"], order["env"])  # noqa: S606
    except OSError as error:
        give_up(127, f"cannot run {order['argv'][0]}: {error}")


def give_up(code: int, why: str) -> NoReturn:
    sys.stderr.write(f"{why}\n")
    sys.exit(code)


def confine(order: dict[str, Any]) -> None:
    os.umask(0o077)
    prefer_for_out_of_memory()
    limits = LIMITS | {getattr(resource, f"RLIMIT_{name}"): value for name, value in order["limits"].items()}
    if order["hide"]:
        be_apart()
    if order["hide"] or order["private"]:
        cover(order["hide"] or [], order["private"], order["folder"], order["home"])
    if not order["network"]:
        check(libc.unshare(CLONE_NEWNET))
    os.chdir(order["cwd"])
    if order["uid"] is not None:
        limits.setdefault(resource.RLIMIT_NPROC, MOST_PROCESSES)
    elif not (order["hide"] and counts_processes_by_namespace()):
        limits.pop(resource.RLIMIT_NPROC, None)  # counted by user: only for one of its own
    for limit, value in limits.items():
        lower(limit, value)
    if order["uid"] is not None:
        os.setgroups([])
        os.setresgid(order["uid"], order["uid"], order["uid"])
        os.setresuid(order["uid"], order["uid"], order["uid"])
    if sys.platform == "linux":
        check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        # Changing the user clears it: last of all.
        check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    if os.getppid() != order["parent"]:
        sys.exit(1)
    if order["hide"] and order["alone"]:
        be_alone()


def counts_processes_by_namespace() -> bool:
    """Since Linux 5.14 a limit set in a user namespace counts the processes of that namespace alone."""
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int(minor)) >= (5, 14)


def be_alone() -> None:
    """Go on as the first process of a namespace, while another waits outside and ends as it does."""
    check(libc.unshare(CLONE_NEWPID))
    first = os.fork()
    if first:
        code = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
        os._exit(code if code >= 0 else 128 - code)
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    # Refused where parts of /proc are covered, as in containers; it then names processes that nobody can touch.
    with contextlib.suppress(OSError):
        mount("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, kind="proc")


def lower(limit: int, value: int) -> None:
    hard = resource.getrlimit(limit)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (value, value))


def prefer_for_out_of_memory() -> None:
    """When memory runs out, an instance goes before the database does."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")
    except OSError:
        pass  # not Linux, or not ours to say


def be_apart() -> None:
    """Into a user namespace, where we may do what follows and nobody outside can be traced."""
    uid, gid = os.geteuid(), os.getegid()
    check(libc.unshare(CLONE_NEWUSER))
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{uid} {uid} 1")
    write("/proc/self/gid_map", f"{gid} {gid} 1")


def cover(hidden: list[str], private: list[str], *keep: str) -> None:
    """Cover the folders with empty ones that only we see; the first of `keep` shows through read only."""
    check(libc.unshare(CLONE_NEWNS))
    mount("none", "/", MS_REC | MS_PRIVATE)
    # Opened in the new namespace: a mount of the old one cannot be bound.
    handles = [os.open(path, os.O_PATH | os.O_DIRECTORY) for path in keep]
    for folder in hidden:
        mount("tmpfs", folder, MS_NOSUID | MS_NODEV, kind="tmpfs", options="size=1m,mode=0711")
    for folder in private:
        mount("tmpfs", folder, MS_NOSUID | MS_NODEV, kind="tmpfs", options="size=64m,mode=1777")
    for path, handle in zip(keep, handles, strict=True):
        os.makedirs(path, exist_ok=True)
        mount(f"/proc/self/fd/{handle}", path, MS_BIND)
        os.close(handle)
    mount("none", keep[0], MS_REMOUNT | MS_BIND | MS_RDONLY | kept_flags(keep[0]))


def kept_flags(path: str) -> int:
    """A remount may not take away what the mount underneath forbids; the bits are mostly those of statvfs."""
    flags = os.statvfs(path).f_flag
    return flags & (2 | 4 | 8 | 1024 | 2048) | (MS_RELATIME if flags & ST_RELATIME else 0)


def mount(source: str, target: str, flags: int, kind: str | None = None, options: str | None = None) -> None:
    text = [value.encode() if value else None for value in (source, target, kind)]
    check(libc.mount(*text, ctypes.c_ulong(flags), options.encode() if options else None))


def write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main()
