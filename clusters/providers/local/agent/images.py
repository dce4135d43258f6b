"""Images and bakes. An image is a tar that equal requests make equal byte by byte; its digest is its name.

manifest.json   package, version, base, name and extra of the request
package/        the package's files, by name, without owners and times
"""

from __future__ import annotations

import builtins
import hashlib
import io
import json
import logging
import os
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO

from clusters.core.values import Bake, BakeRequest, BakeState, Image
from clusters.providers.base import BUILT_IN_TAGS, InvalidRequest, NotFound
from clusters.providers.local import archive as package_archive
from clusters.providers.local.agent.packages import Packages, digest_of
from clusters.providers.local.agent.records import Baking, path_key
from clusters.providers.local.agent.regions import check_region
from clusters.providers.local.agent.store import Store
from clusters.providers.local.archive import Entry

logger = logging.getLogger(__name__)

#: As on AWS.
LONGEST_TAG_KEY, LONGEST_TAG_VALUE = 128, 256


class Images:
    def __init__(self, store: Store, packages: Packages, folder: Path) -> None:
        self._store = store
        self._packages = packages
        self._folder = folder
        self._baker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bake")

    def start(self) -> None:
        """Take up the bakes that a former agent left unfinished."""
        for baking in self._store.bakes.all():
            if baking.state in (BakeState.PENDING, BakeState.RUNNING):
                self._baker.submit(self._run, baking)

    def stop(self) -> None:
        self._baker.shutdown(wait=False, cancel_futures=True)

    def list(self, account: str, region: str) -> builtins.list[Image]:
        return [image for image in self._store.images.all() if (image.account, image.region) == (account, region)]

    def get(self, account: str, region: str, image_id: str) -> Image:
        image = self._store.images.get(path_key(account, region, image_id))
        if image is None:
            raise NotFound(f"image {image_id} does not exist")
        return image

    def tag(self, account: str, region: str, image_id: str, tags: dict[str, str]) -> None:
        _check_tags(tags)
        with self._store.change():
            image = self.get(account, region, image_id)
            self._store.images.put(replace(image, tags=image.tags | tags))

    def start_bake(self, account: str, request: BakeRequest, token: str) -> Bake:
        check_region(request.region)
        if self._store.packages.get(f"{request.package}/{request.version}") is None:
            raise InvalidRequest(f"package {request.package} {request.version} does not exist", field="package")
        with self._store.change():
            bake_id = f"bake-{hashlib.sha256(f'{account} {token}'.encode()).hexdigest()[:12]}"
            if existing := self._store.bakes.get(bake_id):
                return self._show(existing)
            baking = self._store.bakes.put(self._begin(bake_id, account, request))
        if baking.state is BakeState.PENDING:
            self._baker.submit(self._run, baking)
        return self._show(baking)

    def bake(self, account: str, region: str, bake_id: str) -> Bake:
        baking = self._store.bakes.get(bake_id)
        if baking is None or (baking.account, baking.request.region) != (account, region):
            raise NotFound(f"bake {bake_id} does not exist")
        return self._show(baking)

    def _begin(self, bake_id: str, account: str, request: BakeRequest) -> Baking:
        """The same request baked before gives its image at once, unless it asks for a rebake."""
        for former in self._store.bakes.all():
            is_equal = (former.account, replace(former.request, rebake=False)) == (account, request)
            if is_equal and former.state is BakeState.COMPLETED:
                return replace(former, id=bake_id, request=request, was_baked_before=True)
        return Baking(bake_id, account, request, BakeState.PENDING)

    def _show(self, baking: Baking) -> Bake:
        image = self._store.images.get(path_key(baking.account, baking.request.region, baking.image_id))
        return Bake(baking.id, baking.state, image, baking.was_baked_before, baking.message)

    def _run(self, baking: Baking) -> None:
        self._store.bakes.put(replace(baking, state=BakeState.RUNNING))
        try:
            image = self._make(baking.account, baking.request)
        except Exception as error:  # whatever went wrong is this bake's answer
            logger.exception("Bake %s failed.", baking.id)
            self._store.bakes.put(replace(baking, state=BakeState.FAILED, message=str(error)))
        else:
            self._store.bakes.put(replace(baking, state=BakeState.COMPLETED, image_id=image.id))

    def _make(self, account: str, request: BakeRequest) -> Image:
        package = self._store.packages.get(f"{request.package}/{request.version}")
        if package is None:
            raise FileNotFoundError(f"package {request.package} {request.version} is gone")
        draft = self._folder / "image.new"
        with self._packages.path(package).open("rb") as source, draft.open("wb+") as target:
            write_image(source, target, request)
            target.flush()
            os.fsync(target.fileno())
            sha256 = digest_of(target)
        draft.rename(self._folder / f"{sha256}.tar")
        image = _describe(account, request, sha256)
        key = path_key(account, request.region, image.id)
        with self._store.change():
            return self._store.images.get(key) or self._store.images.put(image)


def _check_tags(tags: dict[str, str]) -> None:
    for key, value in tags.items():
        if key in BUILT_IN_TAGS or not key or len(key) > LONGEST_TAG_KEY or len(value) > LONGEST_TAG_VALUE:
            raise InvalidRequest(f"{key[:50]!r} is not a tag that can be set", field="tags")


def write_image(source: BinaryIO, target: IO[bytes], request: BakeRequest) -> None:
    """The package in `source` as an image, the same bytes each time."""
    facts = {
        "package": request.package,
        "version": request.version,
        "base": request.base,
        "name": request.name,
        "extra": request.extra,
    }
    manifest = json.dumps(facts, sort_keys=True, indent=1).encode()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as image:
        image.addfile(_member("manifest.json", len(manifest)), io.BytesIO(manifest))
        with package_archive.opened(source) as package:
            for entry in package.entries():
                member = _entry_member(entry)
                if entry.kind == "file":
                    with package.open(entry) as file:
                        image.addfile(member, file)
                else:
                    image.addfile(member)


def _member(name: str, size: int = 0, mode: int = 0o644) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)  # owner 0 and time 0 by default
    member.size, member.mode = size, mode
    return member


def _entry_member(entry: Entry) -> tarfile.TarInfo:
    member = _member(f"package/{entry.path}", entry.size, 0o755 if entry.is_executable else 0o644)
    if entry.kind == "folder":
        member.type, member.mode = tarfile.DIRTYPE, 0o755
    elif entry.kind == "link":
        member.type, member.linkname = tarfile.SYMTYPE, entry.target
    return member


def _describe(account: str, request: BakeRequest, sha256: str) -> Image:
    return Image(
        account=account,
        region=request.region,
        id=f"img-{sha256[:12]}",
        name=f"{request.name or request.package}-{request.version}-{request.base or 'local'}-{sha256[:12]}",
        created_at=datetime.now(UTC),
        package=request.package,
        version=request.version,
        base=request.base,
        tags={"appversion": f"{request.package}-{request.version}", "sha256": sha256},
    )
