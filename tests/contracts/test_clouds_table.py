"""The table of operations in docs/clouds.md is what the contract and its suite say, and the suite calls all of it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import get_type_hints

import pytest

from clusters.providers import PROVIDERS, base
from clusters.providers.memory import MemoryCloud
from tests.clouds import REFUSED
from tests.moto_world import PLAYED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "clouds.md").read_text()
SUITE = (ROOT / "tests/contracts/test_cloud_provider.py").read_text() + (ROOT / "tests/clouds.py").read_text()
CLOUDS = ("local", "aws", "memory")


def operations() -> list[str]:
    """ "server_groups.create", … in the order of base.py."""
    hints = get_type_hints(base.CloudProvider)
    return [
        f"{part}.{name}"
        for part in base.PARTS
        for name, _ in inspect.getmembers(hints[part], inspect.isfunction)
        if not name.startswith("_")
    ]


def table() -> str:
    rows = ["| Operation | " + " | ".join(CLOUDS) + " |", "|---" * (len(CLOUDS) + 1) + "|"]
    for operation in operations():
        cells = [f"no: {REFUSED[cloud, operation]}" if (cloud, operation) in REFUSED else "yes" for cloud in CLOUDS]
        rows.append(f"| `{operation}` | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def test_the_page_holds_the_table() -> None:
    assert table() in PAGE


@pytest.mark.parametrize("operation", operations())
def test_the_suite_calls(operation: str) -> None:
    assert re.search(rf"cloud\.{re.escape(operation)}\b", SUITE)


def test_what_is_refused_is_refused_by_an_operation_there_is() -> None:
    assert {operation for _, operation in REFUSED} <= set(operations())


def test_clouds_say_themselves_where_packages_and_patches_are_refused() -> None:
    for operation, flag in (("packages.put", "has_packages"), ("instances.patch", "can_patch")):
        no = {cloud.key for cloud in (MemoryCloud(), *PROVIDERS.values()) if not getattr(cloud, flag)}
        assert no == {cloud for cloud, refused in REFUSED if refused == operation}


def test_the_page_lists_what_the_world_plays() -> None:
    words = " ".join(PAGE.split())
    assert [who for who, what in PLAYED.items() if f"| {who} | {what} |" not in words] == []


if __name__ == "__main__":
    print(table())
