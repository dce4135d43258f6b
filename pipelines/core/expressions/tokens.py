"""An expression's text as tokens: numbers, texts, names, and signs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipelines.core.expressions.errors import ExpressionError
from pipelines.core.expressions.limits import integer

NUMBER, TEXT, NAME, SIGN, END = "number", "text", "name", "sign", "end"


@dataclass(frozen=True, slots=True)
class Token:
    """`value` of a number or text is what it means; of a name or sign what is written."""

    kind: str
    value: Any
    position: int

    def __str__(self) -> str:
        return "the end" if self.kind == END else repr(str(self.value)[:60])


# The longer ones first. Brackets of selections and projections are signs of their own, which saves looking ahead.
_LONG_SIGNS = ("?[", "^[", "$[", "![", "?.", "?:", "&&", "||", "==", "!=", "<=", ">=", "++", "--")
_SIGNS = _LONG_SIGNS + tuple("<>+-*/%^!?:.,()[]{}#=@&|")
_TOKEN = re.compile(
    rf"""
    (?P<space>\s+)
  | (?P<hex>0[xX][0-9a-fA-F]{{1,16}}[lL]?)
  | (?P<real>[0-9]+(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)[fFdD]?|[0-9]+[fFdD])
  | (?P<whole>[0-9]+)[lL]?
  | (?P<single>'(?:[^']|'')*')
  | (?P<double>"(?:[^"]|"")*")
  | (?P<sign>{"|".join(map(re.escape, _SIGNS))})
  | (?P<name>[^\W\d][\w$]*|\$[\w$]+)
    """,
    re.VERBOSE,
)


def tokens(text: str) -> Iterator[Token]:
    """The last one is of kind END. Raises ExpressionError with the position of what cannot be read."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(_unread(text[position : position + 2]), position)
        if token := _token(match, position):
            yield token
        position = match.end()
    yield Token(END, "", len(text))


def _unread(signs: str) -> str:
    if signs == "${":
        return "An expression cannot stand within another: leave out the inner ${ }."
    return "A text is not closed." if signs[0] in "'\"" else f"{signs[0]!r} is no part of an expression."


def _token(match: re.Match[str], position: int) -> Token | None:
    written = match[0]
    match match.lastgroup:
        case "space":
            return None
        case "hex":
            return Token(NUMBER, _whole(written.rstrip("lL"), 16, position), position)
        case "whole":
            return Token(NUMBER, _whole(written.rstrip("lL"), 10, position), position)
        case "real":
            return Token(NUMBER, _real(written, position), position)
        case "single" | "double":
            return Token(TEXT, written[1:-1].replace(written[0] * 2, written[0]), position)
        case "sign":
            return Token(SIGN, written, position)
        case _:
            return Token(NAME, written, position)


def _whole(digits: str, base: int, position: int) -> int:
    if len(digits) > 20:
        raise ExpressionError("The number has more than 64 bits.", position)
    try:
        return integer(int(digits, base))
    except ExpressionError as error:
        raise ExpressionError(error.message, position) from None


def _real(digits: str, position: int) -> float:
    number = float(digits.rstrip("fFdD"))
    if number in (float("inf"), float("-inf")):
        raise ExpressionError("The number is too large.", position)
    return number
