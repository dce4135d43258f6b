"""A short word for a value, the same for equal values in whatever order their parts come."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest(value: Any) -> str:
    """Of a value as JSON; what JSON does not know (instants) counts as its text. 32 letters."""
    text = json.dumps(value, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def digest_of_sets(value: Any) -> str:
    """The same where lists and sets mean the same in any order, as in a cloud's answers."""
    return digest(_ordered(value))


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return sorted((_ordered(part) for part in value), key=digest)
    return value
