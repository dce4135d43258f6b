"""Ids that sort by time: UUIDv7, shown to people as 26-character ULIDs."""

from __future__ import annotations

import os
import time
import uuid

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}


def uuid7() -> uuid.UUID:
    """A new id: 48 bits of milliseconds since 1970, then randomness (RFC 9562)."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xF << 76) | (0x7 << 76)
    number = number & ~(0x3 << 62) | (0x2 << 62)
    return uuid.UUID(int=number)


def to_ulid(value: uuid.UUID) -> str:
    """The same 128 bits in Crockford's base 32."""
    return "".join(_ALPHABET[value.int >> shift & 31] for shift in range(125, -1, -5))


def from_ulid(text: str) -> uuid.UUID:
    """Raises ValueError when `text` is not a ULID."""
    if len(text) != 26:
        raise ValueError(f"{text!r} is not an id")
    try:
        number = 0
        for letter in text.upper():
            number = number << 5 | _VALUES[letter]
        return uuid.UUID(int=number)
    except (KeyError, ValueError):
        raise ValueError(f"{text!r} is not an id") from None
