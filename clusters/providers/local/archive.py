"""Package archives: a tar.gz or zip with an executable `run` at the top. Read without writing any member to disk.

`check` refuses what must never be unpacked: absolute paths, `..`, links that climb out, devices, bombs. `entries` gives
the same members by sorted name with plain modes, so that equal trees make equal images.
"""

from __future__ import annotations

import gzip
import re
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, BinaryIO, Literal, cast

from clusters.providers.base import InvalidRequest

MAX_ARCHIVE_BYTES = 100 * 1024**2
MAX_UNPACKED_BYTES = 400 * 1024**2
MAX_MEMBERS = 10_000
MAX_PATH_LENGTH = 400
#: Of all that describes members: a zip's directory, a tar's headers.
MAX_HEADER_BYTES = 2048 * MAX_MEMBERS
#: Of one extended header of a tar, and of those that hold for all members.
MAX_EXTENDED_BYTES = 64 * 1024
MAX_GLOBAL_HEADERS = 16

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,62}")
_DIGITS = re.compile(rb"\d{64}")
_DIRECTORY_ENTRY = b"PK\x01\x02"
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Entry:
    """A member with its clean relative path. `target` is set for links, `member` is the archive's own record."""

    path: str
    kind: Literal["file", "folder", "link"]
    size: int
    is_executable: bool
    target: str = ""
    member: tarfile.TarInfo | zipfile.ZipInfo | None = None


def refuse(why: str) -> InvalidRequest:
    return InvalidRequest(f"The archive {why}.", field="archive")


def check_name(name: str, version: str) -> None:
    """Raises InvalidRequest."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest(f"{name!r} is not a package name: {_NAME.pattern}", field="name")
    if not _VERSION.fullmatch(version):
        raise InvalidRequest(f"{version!r} is not a version: {_VERSION.pattern}", field="version")


def check(archive: BinaryIO) -> None:
    """Raises InvalidRequest(field="archive") with a sentence that says what is wrong."""
    try:
        with opened(archive) as package:
            found = package.entries()
            package.read_all(found)
    except _DAMAGED as error:
        raise refuse(f"is damaged ({error})") from error
    run = next((entry for entry in found if entry.path == "run"), None)
    if run is None or run.kind != "file":
        raise refuse("has no file `run` at its top level")
    if not run.is_executable:
        raise refuse("has a `run` that is not executable")


@contextmanager
def opened(archive: BinaryIO) -> Iterator[Opened]:
    """The archive by its first bytes. Raises InvalidRequest when it is of neither kind."""
    archive.seek(0, 2)
    if archive.tell() > MAX_ARCHIVE_BYTES:
        raise refuse(f"is larger than {MAX_ARCHIVE_BYTES // 1024**2} MiB")
    archive.seek(0)
    magic = archive.read(4)
    archive.seek(0)
    if magic[:2] == b"\x1f\x8b":
        with tempfile.TemporaryFile() as plain:
            _inflate(archive, plain)
            headers = MeasuredTar(plain)
            with tarfile.open(fileobj=cast(IO[bytes], headers), mode="r:") as tar:
                yield TarPackage(tar, headers)
    elif magic[:2] == b"PK":
        directory = Measured(archive)
        with zipfile.ZipFile(cast(IO[bytes], directory)) as zipped:
            directory.is_opening = False  # it was read as a whole
            yield ZipPackage(zipped, directory)
    else:
        raise refuse("is neither a tar.gz nor a zip")


class Measured:
    """An archive's file that gives only so much while members are found out: the libraries read what headers claim.

    A few mebibytes of headers can become gigabytes of objects, or hours in a pattern of the library.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = MAX_HEADER_BYTES
        self.is_opening = True
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if not self.is_opening:
            return self._file.read(size)
        if size > self._left:
            raise refuse("has more to say about its members than they may take")
        data = self._file.read(size if size >= 0 else self._left)
        self._left -= len(data)
        if data.count(_DIRECTORY_ENTRY) > MAX_MEMBERS:
            raise refuse(f"has more than {MAX_MEMBERS} members")
        return data


class MeasuredTar(Measured):
    """The same for a tar, which is read header by header."""

    def read(self, size: int = -1) -> bytes:
        if self.is_opening and size > MAX_EXTENDED_BYTES:
            raise refuse(f"has a header of more than {MAX_EXTENDED_BYTES // 1024} KiB")
        data = super().read(size)
        if self.is_opening and len(data) > tarfile.BLOCKSIZE and _DIGITS.search(data):
            raise refuse("has a header with a number that is none")
        return data


class Opened:
    """An open archive. Subclasses say what their members are and how to read one."""

    def __init__(self, source: Measured) -> None:
        self._source = source

    def members(self) -> Iterator[Entry]:
        raise NotImplementedError

    def open(self, entry: Entry) -> IO[bytes]:
        raise NotImplementedError

    def entries(self) -> list[Entry]:
        """All members, checked, by path. Raises InvalidRequest."""
        found: dict[str, Entry] = {}
        size = 0
        for entry in self.members():
            if entry.path == ".":
                continue
            size += entry.size
            if len(found) >= MAX_MEMBERS:
                raise refuse(f"has more than {MAX_MEMBERS} members")
            if size > MAX_UNPACKED_BYTES:
                raise refuse(f"unpacks to more than {MAX_UNPACKED_BYTES // 1024**2} MiB")
            if entry.path in found and entry.kind != "folder":
                raise refuse(f"has {entry.path} twice")
            _check_link(entry)
            found[entry.path] = entry
        for path in found:
            _check_parents(path, found)
        self._source.is_opening = False
        return [found[path] for path in sorted(found)]

    def read_all(self, entries: list[Entry]) -> None:
        """Read every file to its end, so that a wrong checksum or a cut end shows now and not at the bake."""
        for entry in entries:
            if entry.kind == "file":
                with self.open(entry) as file:
                    while file.read(1024**2):
                        pass


class TarPackage(Opened):
    def __init__(self, tar: tarfile.TarFile, source: Measured) -> None:
        super().__init__(source)
        self._tar = tar

    def members(self) -> Iterator[Entry]:
        for member in self._tar:
            if len(self._tar.pax_headers) > MAX_GLOBAL_HEADERS:  # each member would get a copy of them
                raise refuse(f"has more than {MAX_GLOBAL_HEADERS} headers for all members")
            member.pax_headers = {}  # kept with the member otherwise
            path = _clean(member.name)
            if member.isdir():
                yield Entry(path, "folder", 0, False, "", member)
            elif member.issym():
                yield Entry(path, "link", 0, False, member.linkname, member)
            elif member.isreg() and not member.issparse():
                yield Entry(path, "file", member.size, bool(member.mode & 0o111), "", member)
            else:
                raise refuse(f"has {path}, which is neither a file, a folder nor a symbolic link")

    def open(self, entry: Entry) -> IO[bytes]:
        assert isinstance(entry.member, tarfile.TarInfo)
        file = self._tar.extractfile(entry.member)
        assert file is not None
        return file


class ZipPackage(Opened):
    def __init__(self, zipped: zipfile.ZipFile, source: Measured) -> None:
        super().__init__(source)
        self._zip = zipped

    def members(self) -> Iterator[Entry]:
        infos = self._zip.infolist()
        has_modes = any(info.external_attr >> 16 for info in infos)
        for info in infos:
            path, mode = _clean(info.filename), info.external_attr >> 16
            if info.flag_bits & 0x1:
                raise refuse(f"has {path} encrypted")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others take memory as they like
                raise refuse(f"has {path} packed in another way than deflate")
            if info.is_dir():
                yield Entry(path, "folder", 0, False, "", info)
            elif stat.S_ISLNK(mode):
                target = self._zip.read(info) if info.file_size <= MAX_PATH_LENGTH else b"/"
                yield Entry(path, "link", 0, False, target.decode("utf-8", "replace"), info)
            elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                # Made where files have no modes: `run` is what the name says.
                is_executable = bool(mode & 0o111) if has_modes else path == "run"
                yield Entry(path, "file", info.file_size, is_executable, "", info)
            else:
                raise refuse(f"has {path}, which is neither a file, a folder nor a symbolic link")

    def open(self, entry: Entry) -> IO[bytes]:
        assert isinstance(entry.member, zipfile.ZipInfo)
        return self._zip.open(entry.member)


def _inflate(source: BinaryIO, plain: BinaryIO) -> None:
    """Stops at the cap, whatever the archive claims. Headers get as much room again as the smallest members need."""
    cap = MAX_UNPACKED_BYTES + 1024 * MAX_MEMBERS
    with gzip.GzipFile(fileobj=source, mode="rb") as unzipped:
        for chunk in iter(lambda: unzipped.read(1024**2), b""):
            if plain.tell() + len(chunk) > cap:
                raise refuse(f"unpacks to more than {MAX_UNPACKED_BYTES // 1024**2} MiB")
            plain.write(chunk)
    plain.seek(0)


def _clean(name: str) -> str:
    """The path below the package's top. Raises InvalidRequest for one that is not."""
    if _CONTROL.search(name) or not name or len(name) > MAX_PATH_LENGTH:
        raise refuse(f"has a member with the name {name[:80]!r}")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise refuse(f"has {name!r}, which leads out of it")
    return str(path)


def _check_link(entry: Entry) -> None:
    if entry.kind != "link":
        return
    target = PurePosixPath(entry.target)
    ups = sum(part == ".." for part in target.parts)
    # `..` may only come first: after a link it leads to the parent of what that link points to.
    climbs = ups >= len(PurePosixPath(entry.path).parts) or ".." in target.parts[ups:]
    if target.is_absolute() or climbs or _CONTROL.search(entry.target) or not entry.target:
        raise refuse(f"has the link {entry.path} to {entry.target[:80]!r}, which leads out of it")


def _check_parents(path: str, found: dict[str, Entry]) -> None:
    for parent in PurePosixPath(path).parents:
        above = found.get(str(parent))
        if above and above.kind != "folder":
            raise refuse(f"has {path} below {parent}, which is a {above.kind}")
