"""A small part of JSONPath, to read a value out of an answer: $.a.b[0]['c d'][-1], and [*] or .* for all.

No filters, scripts or descent: what is not understood is refused by its position.
"""

from __future__ import annotations

import re
from typing import Any

MOST_LENGTH = 500
_PART = re.compile(
    r"\.(?P<name>[A-Za-z_\w$-]+)|\.(?P<all>\*)|\[(?P<any>\*)\]|\[(?P<index>-?\d{1,9})\]"
    r"|\['(?P<single>(?:[^'\\]|\\.)*)'\]|\[\"(?P<double>(?:[^\"\\]|\\.)*)\"\]"
)

Part = str | int | None


def parse(path: str) -> tuple[Part, ...]:
    """Names, indexes, and None for all. Raises ValueError."""
    if len(path) > MOST_LENGTH:
        raise ValueError(f"a path of more than {MOST_LENGTH} characters")
    if not path.startswith("$"):
        raise ValueError("a path begins with $")
    parts: list[Part] = []
    at = 1
    while at < len(path):
        match = _PART.match(path, at)
        if match is None:
            raise ValueError(f"not understood from position {at + 1} on: {path[at : at + 20]}")
        parts.append(_part(match))
        at = match.end()
    return tuple(parts)


def find(path: str, value: Any) -> list[Any]:
    """All values that the path leads to, in order. Raises ValueError for a path that is not understood."""
    found = [value]
    for part in parse(path):
        found = [inner for one in found for inner in _inside(one, part)]
    return found


def first(path: str, value: Any) -> Any:
    """The first of them, or None."""
    return next(iter(find(path, value)), None)


def _part(match: re.Match[str]) -> Part:
    if match["index"] is not None:
        return int(match["index"])
    if match["all"] or match["any"]:
        return None
    quoted = match["single"] if match["single"] is not None else match["double"]
    return match["name"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)


def _inside(value: Any, part: Part) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values()) if part is None else [value[part]] if part in value else []
    if isinstance(value, list):
        if part is None:
            return value
        return [value[part]] if isinstance(part, int) and -len(value) <= part < len(value) else []
    return []
