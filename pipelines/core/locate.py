"""In which line of a JSON text a path stands, so that a problem can lead to its place."""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]  # public in CPython, missing in the stubs

_SPACE = re.compile(r"[ \t\n\r]*")
_PARTS = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def line_of(source: str, path: str) -> int:
    """The line, from 1, of the deepest part of `path` (stages[2].waitTime) that is there. Broken text: 1."""
    position = _skip(source, 0)
    for match in _PARTS.finditer(path):
        found = _enter(source, position, match)
        if found is None:
            break
        position = found
    return source.count("\n", 0, position) + 1


def _enter(source: str, position: int, part: re.Match[str]) -> int | None:
    """Where the value of one key or index begins; None when there is none."""
    index, key = part.groups()
    if source[position : position + 1] != ("[" if key is None else "{"):
        return None
    position, count = _skip(source, position + 1), 0
    try:
        while source[position] not in "]}":
            name = ""
            if key is not None:
                name, position = scanstring(source, position + 1)
                position = _skip(source, _skip(source, position) + 1)
            if name == key or (key is None and count == int(index)):
                return position
            _, position = JSONDecoder().raw_decode(source, position)
            position, count = _skip(source, position), count + 1
            if source[position] == ",":
                position = _skip(source, position + 1)
    except (JSONDecodeError, IndexError):
        return None
    return None


def _skip(source: str, position: int) -> int:
    match = _SPACE.match(source, position)
    return match.end() if match else position
