"""Runs a command of a pipeline as a process that has no rights of ours: as another user or in a namespace of its own.

It gets the variables it was given and an empty folder that is gone afterwards. Time, memory, processes, files and
output are limited; the network is taken away where this host can do that, unless SPINNAKER_SCRIPT_NETWORK=1 leaves it.

request: {"command": text, "environment": {name: text}, "timeout": seconds, "propertyFile": name or ""}
result:  {"exitCode": number, "properties": text of the property file or null}
"""

from __future__ import annotations

import codecs
import functools
import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings

from clusters.providers.local.children import MARKER
from clusters.trust import isolation
from clusters.trust.isolation import CONFINE, LANG, PATH, Isolation, Program
from clusters.trust.redaction import secret_fields
from pipelines.work.base import Desk, Ended, Json

#: Users that scripts become, one each at a time.
FIRST_UID, LAST_UID = 63000, 63999
MEMORY_BYTES = 1024**3
LARGEST_FILE_BYTES = 512 * 1024**2
MOST_PROCESSES = 256
#: A script that prints more is ended; its log shows the last 64 KiB.
MOST_OUTPUT_BYTES = 16 * 1024**2
LARGEST_PROPERTIES_BYTES = 256 * 1024
LOOK_SECONDS = 0.1

OFF = "Scripts are switched off here. An administrator switches them on by SPINNAKER_SCRIPTS=1."
NOT_ISOLATED = "This host allows scripts neither another user nor a namespace, so they would have the worker's rights."
LOST = "The worker that ran the script ended in the middle, and the script with it. It is not run again by itself."

WARDEN = [sys.executable, "-I", "-S", str(Path(__file__).with_name("warden.py"))]


@dataclass(frozen=True, slots=True)
class Host:
    """What this host allows a script to be kept from."""

    isolation: Isolation
    #: It may have a namespace without network, and folders for temporary files that nobody else sees.
    has_namespaces: bool


@functools.cache
def host() -> Host:
    """Found out once, by trying."""
    with tempfile.TemporaryDirectory(prefix="spinnaker-probe-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        hidden = hidden_folders()
        apart = isolation.best(folder, hidden, has_network=False, is_alone=True, private=shared_folders())
        if apart is not Isolation.NONE:
            return Host(apart, has_namespaces=True)
        return Host(isolation.best(folder, hidden, is_alone=True), has_namespaces=False)


def hidden_folders() -> list[Path]:
    return isolation.to_hide(*(path for path in (Path(settings.DATA_DIR), Path(settings.BASE_DIR)) if path.is_dir()))


def shared_folders() -> list[Path]:
    """Where everybody on this host may write."""
    folders = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108 # nosec B108
    return [path for path in folders if path.is_dir() and not path.is_symlink()]


class Script:
    def run(self, request: Json, desk: Desk) -> Ended:
        if not settings.SCRIPTS:
            return Ended(False, OFF)
        if host().isolation is Isolation.NONE:
            return Ended(False, NOT_ISOLATED)
        has_network = settings.SCRIPT_NETWORK or not host().has_namespaces
        if has_network and not settings.SCRIPT_NETWORK:
            desk.print("This host cannot take the network away from a script: this one has it.\n")
        desk.hide(secret_fields(request["environment"]))
        with _place(request["command"]) as place:
            return _Run(place, request, desk, has_network=has_network).run()

    def after_loss(self, request: Json) -> Ended:
        return Ended(False, LOST)


@dataclass(frozen=True, slots=True)
class _Place:
    """`folder` holds the command, `home` is the script's own; `held` keeps its user (0: ours) from others."""

    folder: Path
    home: Path
    command: Path
    uid: int
    held: socket.socket | None


@contextmanager
def _place(command: str) -> Iterator[_Place]:
    held = _free_user() if host().isolation is Isolation.USER else None
    folder = Path(tempfile.mkdtemp(prefix="spinnaker-script-"))
    try:
        folder.chmod(0o711)
        file = folder / "command"
        file.write_text(command, errors="replace")
        file.chmod(0o755)
        home = folder / "home"
        home.mkdir(mode=0o700)
        if held:
            os.chown(home, held[0], held[0])
        yield _Place(folder, home, file, *(held or (0, None)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held:
            held[1].close()


def _free_user() -> tuple[int, socket.socket]:
    """A user whom no other script on this host has: a name that the kernel gives to one process at a time."""
    for uid in range(FIRST_UID, LAST_UID + 1):
        taken = socket.socket(socket.AF_UNIX)
        try:
            taken.bind(f"\0spinnaker-script-{uid}")
            return uid, taken
        except OSError:
            taken.close()
    raise OSError("every user for scripts is taken")


class _Run:
    def __init__(self, place: _Place, request: Json, desk: Desk, *, has_network: bool) -> None:
        self._place = place
        self._request = request
        self._desk = desk
        self._has_network = has_network

    def run(self) -> Ended:
        deadline = time.monotonic() + self._request["timeout"]
        with self._start() as warden:
            assert warden.stdout is not None
            assert warden.stdin is not None
            try:
                why = self._follow(warden.stdout, warden.stdin, deadline)
            finally:
                warden.stdin.close()  # also when we broke: it ends all then
            code = warden.wait()
        properties = self._properties() if code == 0 and not why else None
        return Ended(code == 0 and not why, why or _sentence(code), {"exitCode": code, "properties": properties})

    def _start(self) -> subprocess.Popen[bytes]:
        place = self._place
        order = isolation.order(self._program(), host().isolation, hidden_folders(), os.getpid())
        marker = {MARKER: os.environ[MARKER]} if MARKER in os.environ else {}
        return subprocess.Popen(
            [*WARDEN, *CONFINE],
            env={"WARDEN_ORDER": order["CONFINE_ORDER"], **marker},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # The user stays taken until the warden has ended all of theirs, also when we are gone.
            pass_fds=[place.held.fileno()] if place.held else [],
        )

    def _program(self) -> Program:
        place, own = self._place, str(self._place.home)
        is_program = self._request["command"].startswith("#!")
        marker = {MARKER: os.environ[MARKER]} if MARKER in os.environ else {}
        return Program(
            argv=[str(place.command)] if is_program else ["/bin/sh", str(place.command)],
            env={"PATH": PATH, "LANG": LANG, **self._request["environment"], "HOME": own, "TMPDIR": own, **marker},
            folder=place.folder,
            home=place.home,
            uid=place.uid,
            starts_at_home=True,
            limits={"AS": MEMORY_BYTES, "NPROC": MOST_PROCESSES, "FSIZE": LARGEST_FILE_BYTES},
            private=shared_folders() if host().has_namespaces else (),
            has_network=self._has_network,
            is_alone=True,
        )

    def _follow(self, output: IO[bytes], lifeline: IO[bytes], deadline: float) -> str:
        """Until nobody holds the output any more; why it was ended before its end, or ""."""
        decoder, size, why = codecs.getincrementaldecoder("utf-8")("replace"), 0, ""
        while True:
            chunk = b""
            if select.select([output], [], [], LOOK_SECONDS)[0]:
                chunk = os.read(output.fileno(), 64 * 1024)
                if not chunk:
                    return why
            if why:
                continue
            size += len(chunk)
            self._desk.print(decoder.decode(chunk))
            if why := self._why_not_on(size, deadline):
                lifeline.close()

    def _why_not_on(self, size: int, deadline: float) -> str:
        if self._desk.stopping.is_set():
            return "It was told to stop."
        if time.monotonic() > deadline:
            return f"The script was ended after {self._request['timeout']:g} s, the time it had."
        if size > MOST_OUTPUT_BYTES:
            return f"The script was ended when it had printed more than {MOST_OUTPUT_BYTES // 1024**2} MiB."
        return ""

    def _properties(self) -> str | None:
        """The property file, if it is a plain one; it may be anything the script chose to put there."""
        name = self._request["propertyFile"]
        if not name:
            return None
        try:
            handle = os.open(self._place.home / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1 or facts.st_size > LARGEST_PROPERTIES_BYTES:
            os.close(handle)
            return None
        with open(handle, "rb") as file:
            return file.read(LARGEST_PROPERTIES_BYTES).decode("utf-8", "replace").replace("\0", "")


def _sentence(code: int) -> str:
    if code == 0:
        return ""
    if code > 128:
        try:
            return f"The script was killed by {signal.Signals(code - 128).name}."
        except ValueError:
            pass
    return f"The script ended with exit code {code}."
