"""What an expression may use up. Counted, not timed: the same expression ends the same way on a busy machine.

The counts are set so that the most expensive expression stays within 50 ms on one core of an ordinary server; tests
keep that.
"""

from __future__ import annotations

from typing import Any

from pipelines.core.expressions.errors import TooMuch

#: Characters of one text with expressions in it, and of one expression.
MOST_TEXT = 64 * 1024
MOST_EXPRESSION = 8 * 1024
MOST_TOKENS = 4000
#: How deep expressions, and the values they give, may nest.
MOST_DEPTH = 32
#: Steps of one expression, and of all those in one document (a stage).
MOST_STEPS = 10_000
MOST_STEPS_OF_DOCUMENT = 50_000
#: Characters of a value as JSON, and its parts.
MOST_OUTPUT = 64 * 1024
MOST_OUTPUT_OF_DOCUMENT = 512 * 1024
MOST_PARTS = 10_000
MOST_INTEGER = 2**63

#: Characters handled, characters of an expression read, and parts of a value copied, that count as one step.
CHARACTERS_A_STEP = 256
CHARACTERS_READ_A_STEP = 2
PARTS_A_STEP = 8


class Budget:
    """Steps left. One for a document, one for each expression in it that also draws on the document's."""

    def __init__(self, steps: int, of: Budget | None = None) -> None:
        self._given = steps if of is None else min(steps, of.left)
        self.left: int = self._given
        self._of = of

    def spend(self, steps: int = 1) -> None:
        self.left -= steps
        if self.left < 0:
            raise TooMuch(
                f"This takes too many steps: {MOST_STEPS} are the most of an expression,"
                f" {MOST_STEPS_OF_DOCUMENT} of all in a stage."
            )

    def spend_text(self, text: str) -> None:
        self.spend(1 + len(text) // CHARACTERS_A_STEP)

    def settle(self) -> None:
        """Charge the document with what was spent."""
        if self._of is not None:
            self._of.left -= self._given - max(self.left, 0)


def text_of_size(text: str) -> str:
    """The text, unless it is longer than a value may be."""
    if len(text) > MOST_OUTPUT:
        raise TooMuch(f"A text may have {MOST_OUTPUT} characters at most.")
    return text


def integer(number: int) -> int:
    """The number, unless 64 bits do not hold it."""
    if not -MOST_INTEGER <= number < MOST_INTEGER:
        raise TooMuch("The number has more than 64 bits.")
    return number


def measure(value: Any, budget: Budget) -> int:
    """About how many characters the value has as JSON. Raises TooMuch: of shared parts each mention counts."""
    size = parts = 0
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        parts += 1
        size += _size(item)
        if isinstance(item, (dict, list, tuple)):
            if depth > 2 * MOST_DEPTH:
                raise TooMuch(f"The value is nested deeper than {2 * MOST_DEPTH} levels.")
            # Not all of a long list is put aside before it is found too long.
            inner = item.values() if isinstance(item, dict) else item
            parts += len(item)
            if parts <= MOST_PARTS:
                waiting += [(one, depth + 1) for one in inner]
        if size > MOST_OUTPUT or parts > MOST_PARTS:
            raise TooMuch(f"The value is too big: {MOST_OUTPUT} characters and {MOST_PARTS} parts are the most.")
    budget.spend(1 + parts // PARTS_A_STEP)
    return size


def _size(item: Any) -> int:
    if isinstance(item, str):
        return len(item) + 2
    if isinstance(item, dict):
        return 2 + sum(len(key) + 4 for key in item if isinstance(key, str)) if len(item) <= MOST_PARTS else MOST_OUTPUT
    return 2 + len(item) if isinstance(item, (list, tuple)) else 6
