from pathlib import Path

import pytest

from clusters.providers import PROVIDERS, get_provider
from clusters.providers.base import NotFound
from clusters.providers.memory import MemoryCloud


def test_every_call_passes_a_crash_point_before_and_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "points"
    monkeypatch.setenv("CRASH_RECORD", str(record))
    monkeypatch.setitem(PROVIDERS, "memory", MemoryCloud())
    provider = get_provider("memory")
    provider.server_groups.list("acme", "local")
    with pytest.raises(NotFound):
        provider.images.get("acme", "local", "img-1")
    assert provider.label == "Memory"
    assert provider.regions("acme") == ["local"]
    assert record.read_text().split() == [
        "memory.server_groups.list:before",
        "memory.server_groups.list:after",
        "memory.images.get:before",
    ]


def test_an_unknown_cloud_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        get_provider("nimbus")
