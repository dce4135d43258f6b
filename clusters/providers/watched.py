"""A provider whose every call passes `crashpoint("<key>.<part>.<method>:before")` and `:after`.

A call that raises has no `:after`: the fault tests kill a process between an effect and its record.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from clusters.providers.base import PARTS, CloudProvider
from clusters.trust.crashpoints import crashpoint


def watch(provider: CloudProvider) -> CloudProvider:
    return cast(CloudProvider, _WatchedCloud(provider))


class _WatchedCloud:
    def __init__(self, provider: CloudProvider) -> None:
        self._provider = provider

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._provider, name)
        return _WatchedPart(f"{self._provider.key}.{name}", value) if name in PARTS else value


class _WatchedPart:
    def __init__(self, path: str, part: object) -> None:
        self._path = path
        self._part = part

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._part, name)

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            crashpoint(f"{self._path}.{name}:before")
            result = method(*args, **kwargs)
            crashpoint(f"{self._path}.{name}:after")
            return result

        return call
