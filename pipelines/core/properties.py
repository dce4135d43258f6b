"""A build's property file as JSON: Java properties, JSON or YAML, by its name. Bounded, and no YAML tags or aliases."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

#: Longer ones are refused: all of it is kept with the stage and shown to every later one.
MOST_BYTES = 256 * 1024
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_PAIR = re.compile(r"((?:\\.|[^\\=:\s])*)[ \t\f]*[=:]?[ \t\f]*(.*)", re.DOTALL)
_SPECIAL = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


class Unreadable(ValueError):
    """Not what its name says, or nothing that can be kept."""


def read(name: str, content: bytes) -> dict[str, Any]:
    """By the ending: .yml and .yaml, .json, else Java properties. Raises Unreadable."""
    if len(content) > MOST_BYTES:
        raise Unreadable(f"it is longer than {MOST_BYTES} bytes")
    ending = name.rpartition(".")[2].lower()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # what Java wrote for years
    try:
        if ending in ("yml", "yaml"):
            found = _PlainLoader(text).get_single_data()
        else:
            found = json.loads(text) if ending == "json" else dict(pairs(text))
        kept = json.dumps(found, default=str, allow_nan=False, ensure_ascii=False)
        kept.encode()
    except (ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise Unreadable(_first_line(error)) from None
    if not isinstance(found, dict):
        raise Unreadable("it holds no names with values")
    if "\\u0000" in kept:
        raise Unreadable("it holds the character U+0000")
    again: dict[str, Any] = json.loads(kept)
    return again


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """Names and values of Java properties, in order."""
    for line in _lines(text):
        if match := _PAIR.fullmatch(line):
            yield _plain(match[1]), _plain(match[2])


def _lines(text: str) -> Iterator[str]:
    """Logical lines: without comments and empty ones, continued where one ends in an odd number of backslashes."""
    begun = ""
    for line in re.split(r"\r\n|\r|\n", text):
        line = line.lstrip(" \t\f")
        if not begun and (not line or line[0] in "#!"):
            continue
        backslashes = len(line) - len(line.rstrip("\\"))
        begun += line[:-1] if backslashes % 2 else line
        if backslashes % 2 == 0:
            yield begun
            begun = ""
    if begun:
        yield begun


def _plain(text: str) -> str:
    def meant(match: re.Match[str]) -> str:
        escaped = match[1]
        return chr(int(escaped[1:], 16)) if len(escaped) == 5 else _SPECIAL.get(escaped, escaped)

    text = _ESCAPE.sub(meant, text)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _PlainLoader(yaml.SafeLoader):
    """A few lines of aliases can stand for gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise Unreadable("it holds YAML aliases")
        return super().compose_node(parent, index)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
