"""Lays a package over an unpacked one: its files replace those of the same path, all others stay.

Nothing is written through a link: one that stands where the package has a folder makes way for it, so that no sequence
of packages leads out of the folder.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import BinaryIO

from clusters.providers.local import archive as package_archive
from clusters.providers.local.archive import Entry, Opened


def lay(archive: BinaryIO, folder: Path) -> None:
    """Raises OSError, or InvalidRequest for an archive that the store would not have taken."""
    with package_archive.opened(archive) as package:
        for entry in package.entries():
            _write(package, entry, folder)


def _write(package: Opened, entry: Entry, folder: Path) -> None:
    path = folder / entry.path
    for parent in reversed(path.relative_to(folder).parents[:-1]):
        _make_folder(folder / parent)
    if entry.kind == "folder":
        _make_folder(path)
        return
    _make_way(path)
    if entry.kind == "link":
        path.symlink_to(entry.target)
        return
    with package.open(entry) as source, path.open("xb") as target:
        shutil.copyfileobj(source, target, 1024**2)
    path.chmod(0o755 if entry.is_executable else 0o644)


def _make_folder(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        _make_way(path)
        path.mkdir(mode=0o755)
        path.chmod(0o755)


def _make_way(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
