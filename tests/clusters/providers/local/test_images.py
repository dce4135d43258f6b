"""An image's bytes depend on the package's tree and the request, and on nothing else."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from clusters.core.values import BakeRequest
from clusters.providers.local.agent.images import write_image
from clusters.providers.local.agent.launching import unpack
from tests.clusters.providers.local.archives import FILE, LINK, PROGRAM, RUN, member, tar, zipped

REQUEST = BakeRequest("local", "app", "1")


def image(archive: bytes, request: BakeRequest = REQUEST) -> bytes:
    target = io.BytesIO()
    write_image(io.BytesIO(archive), target, request)
    return target.getvalue()


def test_order_times_and_kind_of_the_archive_do_not_matter() -> None:
    link = member("z", tarfile.SYMTYPE, "a")
    link.mtime = 1_700_000_000
    first = tar(("b", b"2"), link, ("a", b"1"))
    second = zipped(("a", b"1", FILE), ("z", b"a", LINK), ("b", b"2", FILE), ("run", RUN, PROGRAM))
    assert image(first) == image(second)


def test_the_request_is_part_of_the_image() -> None:
    assert image(tar()) != image(tar(), BakeRequest("local", "app", "1", base="other"))


def test_an_image_unpacks_to_the_tree_of_its_package(tmp_path: Path) -> None:
    made = image(tar(("lib/a.py", b"a"), member("empty", tarfile.DIRTYPE), member("link", tarfile.SYMTYPE, "lib/a.py")))
    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        unpack(archive, tmp_path / "package")
    found = {str(path.relative_to(tmp_path / "package")) for path in tmp_path.rglob("*")} - {"."}
    assert found == {"run", "lib", "lib/a.py", "empty", "link"}
    assert (tmp_path / "package" / "run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "package" / "link").read_bytes() == b"a"
