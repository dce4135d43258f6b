"""What is a package and what is not, without unpacking any of it."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile

import pytest

from clusters.providers.base import InvalidRequest
from clusters.providers.local import archive
from spinnaker_web import demo_package
from tests.clusters.providers.local.archives import FILE, LINK, PROGRAM, RUN, member, run, tar, zipped

SYM, HARD, DIR = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE


def extended(kind: bytes, content: bytes) -> bytes:
    header = tarfile.TarInfo("header")
    header.type, header.size = kind, len(content)
    return header.tobuf(tarfile.USTAR_FORMAT) + content + b"\0" * (-len(content) % tarfile.BLOCKSIZE)


def empty(n: int) -> bytes:
    return member(f"m{n}").tobuf(tarfile.USTAR_FORMAT)


def headed(kind: bytes, content: bytes) -> bytes:
    """A tar that begins with an extended header of the kind."""
    return gzip.compress(extended(kind, content) + tar(compress=False), 1, mtime=0)


def record(key: bytes, value: bytes) -> bytes:
    """A line of a pax header, which begins with its own length."""
    length = len(key) + len(value) + 3
    while len(str(length)) + len(key) + len(value) + 3 != length:
        length = len(str(length)) + len(key) + len(value) + 3
    return b"%d %s=%s\n" % (length, key, value)


def directory(entries: int) -> bytes:
    """A zip that is nothing but a directory of entries without names."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entry) * entries, 0, 0)
    return entry * entries + end


PAX, GLOBAL, LONG = tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME
HUNGRY = {
    "a zip with a directory of a million entries": (directory(1_000_000), "more to say"),
    "a zip with a directory of many entries": (directory(archive.MAX_MEMBERS + 1), "more than 10000 members"),
    "a long name of 64 MiB": (headed(LONG, b"a" * 64 * 1024**2), "a header of more than 64 KiB"),
    "an extended header of 64 MiB": (headed(PAX, record(b"comment", b"a" * 64 * 1024**2)), "a header of more than 64"),
    "a header that a pattern takes hours for": (headed(PAX, b"1" * 60_000), "a number that is none"),
    "headers for all members": (
        headed(GLOBAL, b"".join(record(b"k%d" % n, b"v") for n in range(4000))),
        "more than 16 headers for all",
    ),
    "headers before each of many members": (
        gzip.compress(b"".join(extended(PAX, record(b"comment", b"a" * 60_000)) + empty(n) for n in range(400)), 1),
        "more to say",
    ),
}

GOOD = {
    "only run": tar(),
    "the demo": demo_package.build("1"),
    "files and folders": tar(member("lib", DIR), ("lib/a.py", b"a"), ("./b.py", b"b")),
    "a folder twice": tar(member("lib", DIR), member("lib/", DIR)),
    "a link inside": tar(("lib/a.py", b"a"), member("a.py", SYM, "lib/a.py"), member("lib/b.py", SYM, "../run")),
    "a zip": zipped(("run", RUN, PROGRAM), ("lib/a.py", b"a", FILE)),
    "a zip without modes": zipped(("run", RUN, 0)),
    "a zip with a link": zipped(("run", RUN, PROGRAM), ("again", b"run", LINK)),
}

BAD = {
    "nothing": (b"", "neither a tar.gz nor a zip"),
    "a script": (RUN, "neither a tar.gz nor a zip"),
    "a plain tar": (tar(compress=False), "neither a tar.gz nor a zip"),
    "gzip of something else": (gzip.compress(b"hello" * 200), "damaged"),
    "cut": (tar(("big", bytes(range(256)) * 4000))[:-2000], "damaged"),
    "a bit flipped": (tar()[:-6] + b"\xff" + tar()[-5:], "damaged"),
    "a cut zip": (zipped(("run", RUN, PROGRAM))[:-10], "damaged"),
    "a zip with wrong bytes": (zipped(("run", RUN, PROGRAM)).replace(RUN, b"#!/bin/xx\n"), "damaged"),
    "no run": (zipped(("other", RUN, PROGRAM)), "no file `run`"),
    "run below": (zipped(("app/run", RUN, PROGRAM)), "no file `run`"),
    "run is a folder": (zipped(("run/", b"", 0)), "no file `run`"),
    "run is a link": (zipped(("real", RUN, PROGRAM), ("run", b"real", LINK)), "no file `run`"),
    "run is not executable": (zipped(("run", RUN, FILE)), "not executable"),
    "an absolute path": (tar(("/etc/passwd", b"")), "leads out"),
    "a way up": (tar(("../x", b"")), "leads out"),
    "a way down and up": (tar(("a/../../x", b"")), "leads out"),
    "a zip with a way up": (zipped(("run", RUN, PROGRAM), ("../x", b"", FILE)), "leads out"),
    "a backslash": (zipped(("run", RUN, PROGRAM), ("..\\x", b"", FILE)), "name"),
    "a line break": (tar(("a\nb", b"")), "name"),
    "a very long name": (tar(("a/" * 250, b"")), "name"),
    "an absolute link": (tar(member("x", SYM, "/etc/passwd")), "leads out"),
    "a link up": (tar(member("x", SYM, "../x")), "leads out"),
    "a link up from below": (tar(member("a/b/x", SYM, "../../../x")), "leads out"),
    "a link that turns round": (tar(member("here", SYM, "."), member("x", SYM, "here/../x")), "leads out"),
    "a link to nothing": (tar(member("x", SYM, "")), "leads out"),
    "a zip with a link up": (zipped(("run", RUN, PROGRAM), ("x", b"../../etc", LINK)), "leads out"),
    "a file through a link": (tar(member("x", SYM, "lib"), ("x/a", b"")), "below x, which is a link"),
    "a file below a file": (tar(("x", b""), ("x/a", b"")), "below x, which is a file"),
    "a file twice": (tar(("x", b"1"), ("x", b"2")), "twice"),
    "a file over a link": (tar(member("x", SYM, "lib"), ("x", b"")), "twice"),
    "a hard link": (tar(member("x", HARD, "run")), "neither a file"),
    "a hard link out": (tar(member("x", HARD, "../../etc/passwd")), "neither a file"),
    "a character device": (tar(member("x", tarfile.CHRTYPE)), "neither a file"),
    "a block device": (tar(member("x", tarfile.BLKTYPE)), "neither a file"),
    "a pipe": (tar(member("x", tarfile.FIFOTYPE)), "neither a file"),
    "a zip of another method": (
        zipped(("run", RUN, PROGRAM), compression=zipfile.ZIP_LZMA),
        "another way than deflate",
    ),
    "a zip with a pipe": (zipped(("run", RUN, PROGRAM), ("x", b"", 0o010644)), "neither a file"),
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD.keys())
def test_a_good_archive_is_taken(content: bytes) -> None:
    archive.check(io.BytesIO(content))


@pytest.mark.parametrize(("content", "why"), BAD.values(), ids=BAD.keys())
def test_a_bad_archive_is_refused_with_the_reason(content: bytes, why: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        archive.check(io.BytesIO(content))
    assert error.value.field == "archive"
    assert why in error.value.message


@pytest.mark.parametrize(("content", "why"), HUNGRY.values(), ids=HUNGRY.keys())
def test_an_archive_that_says_too_much_about_its_members_is_refused_before_that_is_read(
    content: bytes, why: str
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequest) as error:
            archive.check(io.BytesIO(content))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert why in error.value.message
    assert peak < 64 * 1024**2


def test_names_of_any_length_and_a_comment_of_git_are_taken() -> None:
    """As git archive and tar make them: extended headers, few and small."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w:gz", format=tarfile.PAX_FORMAT, pax_headers={"comment": "4" * 40}) as made:
        made.addfile(run(), io.BytesIO(RUN))
        for n in range(archive.MAX_MEMBERS - 1):
            made.addfile(member(f"{'folder/' * 20}ä{n}"))
    archive.check(plain)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as zipped_up:
        zipped_up.writestr(_executable("run"), RUN)
        for n in range(archive.MAX_MEMBERS - 1):
            zipped_up.writestr(f"{'folder/' * 40}ä{n}", b"")
    archive.check(content)


def _executable(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = PROGRAM << 16
    return info


def test_a_run_that_is_not_executable_is_refused_in_a_tar_as_well() -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w:gz") as made:
        made.addfile(run(mode=0o644), io.BytesIO(RUN))
    with pytest.raises(InvalidRequest, match="not executable"):
        archive.check(plain)


@pytest.mark.parametrize(
    "content", [tar(("zeros", bytes(200_000))), zipped(("run", RUN, PROGRAM), ("z", bytes(200_000), 0))]
)
def test_a_bomb_is_refused(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 100_000)
    monkeypatch.setattr(archive, "MAX_MEMBERS", 50)
    with pytest.raises(InvalidRequest, match="unpacks to more"):
        archive.check(io.BytesIO(content))


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    with pytest.raises(InvalidRequest, match="more than 3 members"):
        archive.check(io.BytesIO(tar(*[(f"f{n}", b"") for n in range(4)])))


def test_too_large_an_upload_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ARCHIVE_BYTES", 50)
    with pytest.raises(InvalidRequest, match="larger than"):
        archive.check(io.BytesIO(tar()))


@pytest.mark.parametrize("name", ["", "-a", ".a", "A", "a b", "a/b", "a" * 64, "ä"])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        archive.check_name(name, "1")
    assert error.value.field == "name"


@pytest.mark.parametrize("version", ["1", "1.0.0", "1.0.0-rc.1+build~3", "1.0-SNAPSHOT"])
def test_versions_may_hold_what_versions_hold(version: str) -> None:
    archive.check_name("a", version)
