"""The one way in: evaluate() what has ${…} in it, evaluate_bare() an expression alone, faults() before a run."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal

from pipelines.core.config import json_path
from pipelines.core.expressions import classes, tree
from pipelines.core.expressions.classes import Moment
from pipelines.core.expressions.errors import ExpressionError, TooMuch, listed
from pipelines.core.expressions.evaluator import Evaluator
from pipelines.core.expressions.functions import FUNCTIONS, Context
from pipelines.core.expressions.limits import (
    CHARACTERS_READ_A_STEP,
    MOST_OUTPUT_OF_DOCUMENT,
    MOST_STEPS,
    MOST_STEPS_OF_DOCUMENT,
    MOST_TEXT,
    Budget,
    measure,
    text_of_size,
)
from pipelines.core.expressions.parser import parse
from pipelines.core.expressions.template import BEGIN, Piece, pieces
from pipelines.core.expressions.values import joined, to_json_value

log = logging.getLogger(__name__)

Location = tuple[int | str, ...]
#: Characters of a text shown in a message.
_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Message:
    """Why a text was left as it is. INFO: it has no value yet; ERROR: it cannot have one.

    `path` leads to the text in what was evaluated ("" is that itself), `expression` is how it begins, `position` counts
    its characters from 1, and `available` are the names that were there instead, where that is known.
    """

    level: Literal["INFO", "ERROR"]
    path: str
    expression: str
    text: str
    position: int
    available: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"{self.path}, " if self.path else ""
        there = f" Available there: {listed(self.available)}." if self.available else ""
        return f"{where}position {self.position}: {self.text}{there}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`value` is what was given with its expressions replaced, JSON again. It shares nothing with the context."""

    value: Any
    messages: tuple[Message, ...]

    @property
    def errors(self) -> tuple[Message, ...]:
        return tuple(message for message in self.messages if message.level == "ERROR")


def evaluate(value: Any, context: Context, *, is_strict: bool = False, but: Collection[str] = ()) -> Evaluation:
    """The value with each ${…} in its texts and keys replaced; pure, bounded, and the same each time it is asked.

    `value` is a text or any JSON value: lists and maps are walked, `but` names keys of the outermost map to leave
    alone. `context` is what the expressions see. Lenient, a key that is not there is null; strict, it is an error.

    A text that is one single ${…} becomes the expression's value with its type; in a longer text values are put in as
    text. What cannot be evaluated never raises: a text with an error in it stays as it is, and so does each ${…} that
    gives null. Both are told in `messages`, by path, position and what was available there. What an expression gives
    is not evaluated again, whatever stands in it.
    """
    return _Run(context, is_strict).document(value, frozenset(but))


def evaluate_bare(expression: str, context: Context, *, is_strict: bool = False) -> Evaluation:
    """The same for an expression that stands without ${}. What gives null, or an error, has the value None."""
    return _Run(context, is_strict).bare(expression)


def has_expression(value: Any) -> bool:
    return any(True for _ in _texts(value, ()))


def faults(value: Any) -> list[Message]:
    """What is wrong with the expressions in a value whatever they will see: syntax, unknown functions and classes."""
    found = []
    for location, text in _texts(value, ()):
        try:
            for piece in pieces(text):
                if piece.is_expression:
                    _check(piece)
        except ExpressionError as error:
            found.append(_message("ERROR", json_path(location), text, error))
    return found


def bare_faults(expression: str) -> list[Message]:
    """The same for an expression that stands without ${}."""
    try:
        _check(_bare(expression))
    except ExpressionError as error:
        return [_message("ERROR", "", expression, error)]
    return []


def _bare(expression: str) -> Piece:
    """${} around it is no mistake."""
    inner = expression.strip()
    if inner.startswith(BEGIN) and inner.endswith("}"):
        return Piece(inner[2:-1], expression.index(BEGIN) + 2, is_expression=True)
    return Piece(inner, len(expression) - len(expression.lstrip()), is_expression=True)


def _check(piece: Piece) -> None:
    """Raises ExpressionError with a position in the whole text."""
    try:
        for node in _nodes(_parsed(piece.text)):
            try:
                _check_names(node)
            except ExpressionError as error:
                error.position = node.position
                raise
    except ExpressionError as error:
        error.position = (error.position or 0) + piece.position
        raise


def _check_names(node: tree.Node) -> None:
    if isinstance(node, tree.Function) and node.name not in FUNCTIONS:
        raise ExpressionError(f"There is no function #{node.name}.", available=FUNCTIONS)
    if isinstance(node, (tree.Type, tree.New)):
        classes.name_of(node.name)


def _nodes(part: Any) -> Iterator[tree.Node]:
    if isinstance(part, tuple):
        for item in part:
            yield from _nodes(item)
    elif isinstance(part, tree.Node):
        yield part
        for described in fields(part):
            yield from _nodes(getattr(part, described.name))


def _texts(value: Any, at: Location) -> Iterator[tuple[Location, str]]:
    """Texts and keys that hold an expression, with where they stand."""
    if isinstance(value, str):
        if BEGIN in value:
            yield at, value
    elif isinstance(value, dict):
        for key, item in value.items():
            if BEGIN in key:
                yield (*at, key), key
            yield from _texts(item, (*at, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _texts(item, (*at, index))


@lru_cache(maxsize=1024)
def _parsed(text: str) -> tree.Node:
    return parse(text)


def _message(level: Literal["INFO", "ERROR"], path: str, text: str, error: ExpressionError) -> Message:
    return Message(level, path, text[:_SHOWN], error.message, (error.position or 0) + 1, error.available)


class _Run:
    """One evaluation: all expressions of a document draw on one budget and fill one room."""

    def __init__(self, context: Context, is_strict: bool) -> None:
        self._context = context
        self._is_strict = is_strict
        self._budget = Budget(MOST_STEPS_OF_DOCUMENT)
        self._room = MOST_OUTPUT_OF_DOCUMENT
        self._messages: list[Message] = []

    def document(self, value: Any, but: frozenset[str]) -> Evaluation:
        if isinstance(value, dict) and but:
            found = {
                name if name in but else self._key(name, (name,)): item if name in but else self._any(item, (name,))
                for name, item in value.items()
            }
        else:
            found = self._any(value, ())
        return Evaluation(found, tuple(self._messages))

    def bare(self, expression: str) -> Evaluation:
        try:
            value, why = self._value(_bare(expression), ())
        except ExpressionError as error:
            return Evaluation(None, (_message("ERROR", "", expression, error),))
        return Evaluation(value, (_message("INFO", "", expression, why),) if why else ())

    def _any(self, value: Any, at: Location) -> Any:
        if isinstance(value, str):
            return self._text(value, at) if BEGIN in value else value
        if isinstance(value, dict):
            return {self._key(name, (*at, name)): self._any(item, (*at, name)) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._any(item, (*at, index)) for index, item in enumerate(value)]
        return value

    def _key(self, name: str, at: Location) -> str:
        if BEGIN not in name:
            return name
        found = self._text(name, at)
        return found if isinstance(found, str) else joined(found, Budget(MOST_STEPS))

    def _text(self, text: str, at: Location) -> Any:
        try:
            if len(text) > MOST_TEXT:
                raise TooMuch(f"A text with expressions may have {MOST_TEXT} characters at most.", 0)
            return self._filled(text, at)
        except ExpressionError as error:
            self._messages.append(_message("ERROR", json_path(at), text, error))
            return text

    def _filled(self, text: str, at: Location) -> Any:
        parts = pieces(text)
        found = [self._value(piece, at) if piece.is_expression else (piece.text, None) for piece in parts]
        if missing := [why for value, why in found if value is None and why]:
            told = ExpressionError(" ".join(why.message for why in missing), missing[0].position, missing[0].available)
            self._messages.append(_message("INFO", json_path(at), text, told))
        if len(parts) == 1:
            return text if found[0][0] is None else found[0][0]
        shown = [
            f"{BEGIN}{piece.text}}}" if value is None else joined(value, self._budget)
            for piece, (value, _) in zip(parts, found, strict=True)
        ]
        return self._kept(text_of_size("".join(shown)))

    def _value(self, piece: Piece, at: Location) -> tuple[Any, ExpressionError | None]:
        """The value, and why it is None. Raises ExpressionError with a position in the whole text."""
        budget = Budget(MOST_STEPS, self._budget)
        context = self._context
        moment = Moment(context.now, f"{context.seed}\n{json_path(at)}\n{piece.position}")
        evaluator = Evaluator(context, moment, budget, is_strict=self._is_strict)
        try:
            budget.spend(len(piece.text) // CHARACTERS_READ_A_STEP)
            value = self._kept(to_json_value(evaluator.value(_parsed(piece.text), context.root), budget))
        except ExpressionError as error:
            error.position = (error.position or 0) + piece.position
            raise
        except RecursionError:
            raise TooMuch("Nested too deeply.", piece.position) from None
        except Exception as error:
            log.exception("an expression broke")
            raise ExpressionError("It broke by a fault of this program; see the log.", piece.position) from error
        finally:
            budget.settle()
        return value, _why_null(evaluator, piece) if value is None else None

    def _kept(self, value: Any) -> Any:
        self._room -= measure(value, self._budget)
        if self._room < 0:
            raise TooMuch(f"The values of all expressions have more than {MOST_OUTPUT_OF_DOCUMENT} characters.")
        return value


def _why_null(evaluator: Evaluator, piece: Piece) -> ExpressionError:
    if evaluator.missing is None:
        return ExpressionError("Its value is null.", piece.position)
    name, position, there = evaluator.missing
    return ExpressionError(f"{name} not found.", position + piece.position, map(str, there))
