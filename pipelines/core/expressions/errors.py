"""Why an expression has no value, where in it, and what was there instead."""

from __future__ import annotations

from collections.abc import Iterable

#: Names told of what was available; the rest are counted.
MOST_NAMES = 12


class ExpressionError(Exception):
    """`position` counts characters of the expression from 0; None until the part that failed is known."""

    def __init__(self, message: str, position: int | None = None, available: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.available = tuple(available)


class TooMuch(ExpressionError):
    """A limit was reached: nothing more is evaluated in this expression."""


def listed(names: Iterable[str]) -> str:
    """a, b, c and 4 more; "nothing" for none."""
    known = sorted(map(str, names))
    shown = ", ".join(name[:60] for name in known[:MOST_NAMES])
    more = len(known) - MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown or "nothing"
