"""Turns a server into a process: the image unpacked once per group, a home and a log of its own, nothing inherited."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import tarfile
from collections.abc import Sequence
from pathlib import Path

from clusters.providers.local.agent import overlay, ports
from clusters.providers.local.agent.layout import Layout
from clusters.providers.local.agent.processes import Processes, Running
from clusters.providers.local.agent.records import Group, Patch, Server
from clusters.providers.local.children import MARKER
from clusters.trust import isolation
from clusters.trust.isolation import CONFINE, LANG, PATH, Isolation, Program

LOG_BYTES = 64 * 1024
#: A log is cut to its last LOG_BYTES when it has grown to this.
LARGEST_LOG_BYTES = 1024**2
#: Logs of instances that are gone, newest first.
KEPT_LOGS = 200


class Launching:
    """`refused` is why nothing may be started here, or empty; `memory_bytes` is for each process, 0 for no limit."""

    def __init__(
        self,
        layout: Layout,
        processes: Processes,
        kind: Isolation,
        hidden: Sequence[Path] = (),
        refused: str = "",
        memory_bytes: int = 0,
    ) -> None:
        self.refused = refused
        # Of what a process has written to or may: runtimes that only reserve a lot of room for addresses are let be.
        self._limits = {"DATA": memory_bytes} if memory_bytes else {}
        self._layout = layout
        self._processes = processes
        self.isolation = kind
        self._hidden = hidden

    def start(self, group: Group, server: Server, running: Running) -> None:
        """What cannot be started counts as ended, with the reason."""
        if self.refused:
            self._processes.fail(server.id, f"was not started: {self.refused}")
            return
        try:
            self._start(group, server, running.keeper)
        except (OSError, tarfile.TarError) as error:
            self._processes.fail(server.id, f"cannot be started ({error})")

    def _start(self, group: Group, server: Server, keeper: int) -> None:
        folder = self._unpack(group, server.started_with)
        home = self._folder(group) / server.id
        home.mkdir(mode=0o700, exist_ok=True)
        if self.isolation is Isolation.USER:
            os.chown(home, group.uid, group.uid)
        env = _environment(group, server, home)
        program = Program(
            argv=[str(folder / "run")], env=env, folder=folder, home=home, uid=group.uid, limits=self._limits
        )
        order = isolation.order(program, self.isolation, self._hidden, keeper)
        self._processes.start(server.id, CONFINE, order, self._layout.instances, self.log(server.id))

    def stop(self, server: Server, number: signal.Signals) -> None:
        self._processes.signal(server.id, number)

    def forget(self, server: Server) -> None:
        """How it ended: who looks for it next finds it never started."""
        self._processes.forget(server.id)

    def remove(self, group: Group, server: Server) -> None:
        """What is left of an ended server, but for its log: it may tell why it ended."""
        shutil.rmtree(self._folder(group) / server.id, ignore_errors=True)

    def remove_group(self, group: Group) -> None:
        shutil.rmtree(self._folder(group), ignore_errors=True)

    def log(self, server_id: str) -> Path:
        return self._layout.logs / f"{server_id}.log"

    def trim_logs(self, living: set[str]) -> None:
        """Opened for appending, a log can be cut in place while its process writes on."""
        paths = sorted(self._layout.logs.glob("i-*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in [path for path in paths if path.stem not in living][KEPT_LOGS:]:
            path.unlink()
        for path in self._layout.logs.iterdir():
            if path.stat().st_size > LARGEST_LOG_BYTES:
                path.write_text(tail(path), errors="replace")

    def _folder(self, group: Group) -> Path:
        return self._layout.instances / group.id

    def _unpack(self, group: Group, patches: Sequence[Patch]) -> Path:
        """The package with what is laid over it, complete or not there: renamed into place when all is written."""
        folder = self._folder(group) / _folder_name(patches)
        if folder.exists():
            return folder
        draft = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        folder.parent.mkdir(mode=0o711, exist_ok=True)
        folder.parent.chmod(0o711)
        with tarfile.open(self._layout.images / f"{group.image.tags['sha256']}.tar") as image:
            unpack(image, draft)
        for patch in patches:
            with (self._layout.packages / patch.sha256).open("rb") as archive:
                overlay.lay(archive, draft)
        if self.isolation is Isolation.USER:
            _let_read(draft, group.uid)
        draft.rename(folder)
        return folder


def _folder_name(patches: Sequence[Patch]) -> str:
    """Instances with the same patches share a folder."""
    if not patches:
        return "package"
    digests = " ".join(patch.sha256 for patch in patches)
    return f"package-{hashlib.sha256(digests.encode()).hexdigest()[:16]}"


def tail(path: Path) -> str:
    """The last LOG_BYTES. Raises FileNotFoundError."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LOG_BYTES))
        return file.read().decode(errors="replace")


def unpack(image: tarfile.TarFile, folder: Path) -> None:
    """Files below package/ of an image that images.py wrote."""
    folder.mkdir(mode=0o755)
    for member in image:
        if not member.name.startswith("package/"):
            continue
        path = folder / member.name.removeprefix("package/")
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if member.isdir():
            path.mkdir(mode=0o755, exist_ok=True)
        elif member.issym():
            path.symlink_to(member.linkname)
        else:
            source = image.extractfile(member)
            assert source is not None
            with path.open("wb") as target:
                shutil.copyfileobj(source, target, 1024**2)
            path.chmod(0o755 if member.mode & 0o100 else 0o644)


def _let_read(folder: Path, gid: int) -> None:
    """All stays ours; the group may read it, and nobody else."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 0, gid, follow_symlinks=False)
    folder.chmod(0o750)


def _environment(group: Group, server: Server, home: Path) -> dict[str, str]:
    """The whole environment: what the request says, but for what tells an instance who it is."""
    marker = os.environ.get(MARKER)
    return {
        "PATH": PATH,
        "LANG": LANG,
        **group.request.environment,
        "HOME": str(home),
        "PORT": str(server.port),
        "INSTANCE_ID": server.id,
        "SERVER_GROUP": group.request.name,
        "ZONE": server.zone,
        "PACKAGE": group.image.package,
        "VERSION": server.patched.get(group.image.package, group.image.version),
        **({MARKER: marker} if marker else {}),
    }


def port_for(server: Server, taken: set[int]) -> int:
    """Its own port, unless somebody took it while nothing of ours ran."""
    if server.port and ports.is_free(server.port):
        return server.port
    return ports.choose(ports.INSTANCE_PORTS, taken)
