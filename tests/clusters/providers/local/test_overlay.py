"""A package laid over another: what it brings replaces, what it does not know stays, and nothing gets out."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from clusters.providers.local.agent.overlay import lay
from tests.clusters.providers.local.archives import member, tar


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    (folder / "lib").mkdir(parents=True)
    (folder / "run").write_text("old")
    (folder / "lib" / "a").write_text("old")
    (folder / "lib" / "b").write_text("old")
    return folder


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_files_of_the_package_replace_their_like_and_all_others_stay(folder: Path) -> None:
    lay(io.BytesIO(tar(("lib/a", b"new"), ("more/c", b"new"))), folder)
    assert tree(folder) == {"run": "#!/bin/sh\n", "lib/a": "new", "lib/b": "old", "more/c": "new"}
    assert (folder / "run").stat().st_mode & 0o777 == 0o755


def test_a_file_may_become_a_folder_and_a_folder_a_link(folder: Path) -> None:
    lay(io.BytesIO(tar(("lib/a/deep", b"new"))), folder)
    assert (folder / "lib" / "a" / "deep").read_text() == "new"
    lay(io.BytesIO(tar(("other/a", b"newer"), member("lib", tarfile.SYMTYPE, "other"))), folder)
    assert (folder / "lib" / "a").read_text() == "newer"


def test_nothing_is_written_through_a_link(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / "lib" / "out").symlink_to(outside)
    lay(io.BytesIO(tar(("lib/out/evil", b"x"))), folder)
    assert list(outside.iterdir()) == []
    assert (folder / "lib" / "out" / "evil").read_text() == "x"
    (folder / "lib" / "b").unlink()
    (folder / "lib" / "b").symlink_to(outside / "file")
    lay(io.BytesIO(tar(("lib/b", b"x"))), folder)
    assert list(outside.iterdir()) == []
