"""A text with expressions in it: ${…}, which ends at the brace that belongs to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.core.expressions.errors import ExpressionError

BEGIN = "${"
_CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Piece:
    """Plain text, or the inside of a ${…}. `position` is where it begins in the whole text."""

    text: str
    position: int
    is_expression: bool


def pieces(text: str) -> list[Piece]:
    """Raises ExpressionError with the position of a ${ that has no end."""
    return list(_pieces(text))


def _pieces(text: str) -> Iterator[Piece]:
    at = 0
    while (begin := text.find(BEGIN, at)) >= 0:
        if begin > at:
            yield Piece(text[at:begin], at, is_expression=False)
        end = _end(text, begin)
        yield Piece(text[begin + 2 : end], begin + 2, is_expression=True)
        at = end + 1
    if at < len(text) or not text:
        yield Piece(text[at:], at, is_expression=False)


def _end(text: str, begin: int) -> int:
    """Where the brace is that closes the ${ at `begin`, passing over those in quotes, maps and lists."""
    open_ones: list[str] = []
    at = begin + 2
    while at < len(text):
        sign = text[at]
        if sign in "'\"":
            at = text.find(sign, at + 1)
            if at < 0:
                break
        elif sign in _CLOSING:
            open_ones.append(_CLOSING[sign])
        elif sign == "}" and not open_ones:
            return at
        elif sign in ")]}" and (not open_ones or open_ones.pop() != sign):
            raise ExpressionError(f"{sign!r} closes nothing that is open.", at)
        at += 1
    raise ExpressionError("This ${ has no }.", begin)
