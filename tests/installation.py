"""Running `manage.py up` for a test, as this user or as another one, in a folder of its own."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from spinnaker_web.embedded.data_folder import PROJECT
from spinnaker_web.embedded.server import free_port
from tests.processes import carrying, living_in

PACKAGES = Path(sysconfig.get_path("purelib"))


@dataclass
class Installation:
    """`home` is this user's folder, `python` one that he may execute, `project` a checkout that he may read."""

    home: Path
    python: Path
    project: Path = PROJECT
    uid: int = field(default_factory=os.geteuid)
    port: int = field(default_factory=free_port)
    started: "subprocess.Popen[str] | None" = None

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def marker(self) -> str:
        return f"test-{self.home.name}"

    def run(self, *arguments: str) -> "subprocess.Popen[str]":
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "DATA_DIR": str(self.data),
            "PORT": str(self.port),
            "SPINNAKER_MARKER": self.marker,
        }
        return subprocess.Popen(
            [self.python, *arguments],
            cwd=self.project,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **becoming(self.uid),
        )

    def up(self) -> str:
        """Start, and all it says until it is ready."""
        self.started = self.run("manage.py", "up")
        return self.says("Stop with Ctrl-C.")

    def says(self, words: str) -> str:
        """All it says up to the line with these words."""
        told = ""
        for line in self.started.stdout:
            told += line
            if words in line:
                return told
        raise AssertionError(f"`up` ended and never said {words!r}:\n{told}{self.logs()}")

    def end(self, number: signal.Signals) -> int:
        """Send it a signal; its exit code."""
        self.started.send_signal(number)
        self.started.communicate(timeout=15)
        return self.started.returncode

    def facts(self) -> dict[str, str]:
        """What other commands are told about the running platform."""
        return json.loads((self.data / "up.json").read_text())

    def processes(self, words: str = "") -> list[int]:
        """Ids of all that runs for this installation, or of those with these words in their command line."""
        return [pid for pid in carrying(self.marker) if words in command_line(pid)]

    def leftovers(self) -> list[int]:
        return carrying(self.marker) + living_in(self.home)

    def logs(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-1500:]}" for path in self.data.glob("logs/*.log"))


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


@contextmanager
def ours() -> Iterator[Installation]:
    """As the user who runs the tests."""
    with tempfile.TemporaryDirectory(prefix="spinnaker-up-") as home:
        yield from _installed(Installation(Path(home), Path(sys.executable)))


@contextmanager
def somebody_elses() -> Iterator[Installation]:
    """As an ordinary user, when the tests run as root. The folders pytest makes are closed to him."""
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(prefix="spinnaker-up-") as folder:
        home = Path(folder)
        project, packages = _readable(PROJECT, home, nobody.pw_uid), _readable(PACKAGES, home, nobody.pw_uid)
        _own_python(home / "venv", packages)
        subprocess.run(["chown", "-R", f"{nobody.pw_uid}:{nobody.pw_gid}", home], check=True)
        yield from _installed(Installation(home, home / "venv" / "bin" / "python", project, nobody.pw_uid))


def becoming(uid: int) -> dict[str, object]:
    """Options of subprocess to run as this user."""
    return {} if uid == os.geteuid() else {"user": uid, "group": pwd.getpwuid(uid).pw_gid, "extra_groups": []}


def _installed(installation: Installation) -> Iterator[Installation]:
    try:
        yield installation
    finally:
        if installation.started and installation.started.poll() is None:
            installation.end(signal.SIGTERM)


def _readable(folder: Path, home: Path, uid: int) -> Path:
    """The folder, or a copy in `home` when it lies where this user may not go."""
    if subprocess.run(["/usr/bin/test", "-r", folder], **becoming(uid)).returncode == 0:
        return folder
    ignored = shutil.ignore_patterns(".venv", ".git", ".data", "*_cache", "__pycache__")
    return Path(shutil.copytree(folder, home / folder.name, ignore=ignored))


def _own_python(folder: Path, packages: Path) -> None:
    """A virtual environment of a Python that an ordinary user may execute. Ours may be root's: then another release of the
    same version, which needs its own packages (some differ by release)."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for program in (Path(sys.base_prefix, "bin", version), Path("/usr/bin", version)):
        if program.exists() and _is_open_to_all(program):
            break
    else:
        pytest.skip(f"no {version} that an ordinary user may execute")
    subprocess.run([program, "-m", "venv", "--without-pip", folder], check=True)
    site = folder / "lib" / version / "site-packages"
    if program.resolve() == Path(sys.base_prefix, "bin", version).resolve():
        (site / "ours.pth").write_text(str(packages))
    else:
        requirements = ("--quiet", "--require-hashes", "--requirement", PROJECT / "requirements.txt")
        python = ("--python", folder / "bin" / "python")
        subprocess.run([sys.executable, "-m", "pip", *python, "install", *requirements], check=True)


def _is_open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)
