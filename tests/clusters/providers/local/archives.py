"""Makes archives for tests, good and bad."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile

RUN = b"#!/bin/sh\n"


def tar(*members: tarfile.TarInfo | tuple[str, bytes], compress: bool = True) -> bytes:
    """A `run` and what is given: ready headers, or names with contents."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for member in (run(), *members):
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member, io.BytesIO(RUN if member.name == "run" else b"\0" * member.size))
            else:
                name, content = member
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0) if compress else plain.getvalue()


def run(mode: int = 0o755) -> tarfile.TarInfo:
    return member("run", mode=mode, size=len(RUN))


def member(
    name: str, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644, size: int = 0
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size = kind, target, mode, size
    return info


def zipped(*members: tuple[str, bytes, int], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Names, contents and modes (0: none)."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data, mode in members:
            info = zipfile.ZipInfo(name)
            # Zero would become 0600; this is what DOS says of a file.
            info.external_attr = mode << 16 or 0x20
            archive.writestr(info, data, compression)
    return content.getvalue()


LINK = stat.S_IFLNK | 0o777
FILE = stat.S_IFREG | 0o644
PROGRAM = stat.S_IFREG | 0o755
