"""Stands between a worker and a script, so that nothing of the script stays behind however either of them ends.

`python -I -S warden.py`, with an order of clusters/trust/confine.py as JSON in WARDEN_ORDER and confine.py's command
line as its arguments. It adopts all that the script starts. When the script ends, or when its own input ends (the
worker closed it, or is gone), it kills every process that is left, and then ends with the script's exit code (128 and
the number of the signal that killed it).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36
LOOK_SECONDS = 0.05


def main() -> None:
    order = json.loads(os.environ["WARDEN_ORDER"])
    order["parent"] = os.getpid()
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit(126)
    with subprocess.Popen(
        sys.argv[1:], env={"CONFINE_ORDER": json.dumps(order)}, stdin=subprocess.DEVNULL, start_new_session=True
    ) as script:
        while script.poll() is None:
            if select.select([0], [], [], LOOK_SECONDS)[0] and not os.read(0, 1):
                script.kill()
                break
        end_all(order["uid"])
        code = script.wait()
    sys.exit(code if code >= 0 else 128 - code)


def end_all(uid: int | None) -> None:
    """Each death may hand us new orphans: go on until nobody is left."""
    while True:
        if uid is not None:
            end_user(uid)
        for pid in children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def end_user(uid: int) -> None:
    """Every process of the script's own user at once, so that none can fork away."""
    killer = os.fork()
    if killer:
        os.waitpid(killer, 0)
        return
    try:
        os.setresuid(uid, uid, uid)
        os.kill(-1, signal.SIGKILL)
    except OSError:
        pass  # nobody is left
    finally:
        os._exit(0)


def children() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and parent_of(name) == os.getpid()]


def parent_of(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(") ")[2].split()[1])
    except OSError:
        return 0


if __name__ == "__main__":
    main()
