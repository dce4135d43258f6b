"""The values of expressions: those of JSON, and things such as dates. How they compare, and how they read as text.

Rules are Java's, as people's pipelines count on them: whole numbers divide to whole numbers, 7 == "7" is false, a list
reads [a, b]. Unlike there, a whole number that 64 bits do not hold is an error instead of another number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pipelines.core.expressions.errors import ExpressionError
from pipelines.core.expressions.limits import Budget, integer, measure, text_of_size


@dataclass(frozen=True, slots=True)
class Thing:
    """A value that JSON does not know: `kind` is its class (LocalDate), `value` what it holds."""

    kind: str
    value: Any
    #: As it reads; "" for what is no value by itself, such as a class.
    text: str = ""


def kind(value: Any) -> str:
    """In words: "a text", "a list", "null"."""
    if isinstance(value, Thing):
        return f"a {value.kind}"
    names = {bool: "true or false", int: "a number", float: "a number", str: "a text", dict: "a map"}
    return "null" if value is None else names.get(type(value), "a list")


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


# text


def to_text(value: Any, budget: Budget) -> str:
    """As Java's toString has it."""
    if isinstance(value, (dict, list, tuple)):
        measure(value, budget)
    return text_of_size(_text(value))


def joined(value: Any, budget: Budget) -> str:
    """As part of a text around it: a list is joined by commas."""
    if is_list(value):
        measure(value, budget)
        return text_of_size(",".join("" if item is None else _text(item) for item in value))
    return to_text(value, budget)


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return real_text(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_text(item)}" for key, item in value.items()) + "}"
    if is_list(value):
        return "[" + ", ".join(map(_text, value)) + "]"
    if isinstance(value, Thing):
        if not value.text:
            raise ExpressionError(f"{kind(value).capitalize()} is no value by itself.")
        return value.text
    return str(value)


def real_text(number: float) -> str:
    """0.5, 12.0, 1.0E10: with a power of ten from ten millions up and below a thousandth."""
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return repr(number)
    written = Decimal(repr(number)).normalize()
    digits = "".join(map(str, written.as_tuple().digits))
    return f"{'-' if number < 0 else ''}{digits[0]}.{digits[1:] or '0'}E{written.adjusted()}"


def to_json_value(value: Any, budget: Budget) -> Any:
    """The value as JSON can hold it: things become their text. What is JSON already is not copied."""
    measure(value, budget)
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _plain(item) for key, item in value.items()}
    if is_list(value):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ExpressionError("The number is too large.")
    return _text(value) if isinstance(value, Thing) else value


def _key(key: Any) -> str:
    return key if isinstance(key, str) else _text(key)


def json_text(value: Any, budget: Budget) -> str:
    return text_of_size(json.dumps(to_json_value(value, budget), ensure_ascii=False, separators=(",", ":")))


# comparing


def equal(left: Any, right: Any, budget: Budget) -> bool:
    """Numbers by what they are worth, all else only when of one kind."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, str) and isinstance(right, str):
        budget.spend_text(left)
        return left == right
    if (isinstance(left, dict) and isinstance(right, dict)) or (is_list(left) and is_list(right)):
        measure(left, budget)
        measure(right, budget)
        return _same(left, right)
    return type(left) is type(right) and bool(left == right)


def _same(left: Any, right: Any) -> bool:
    if is_list(left) and is_list(right):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if is_number(left) and is_number(right):
        return bool(left == right)
    return type(left) is type(right) and bool(left == right)


def compare(left: Any, right: Any) -> int:
    """-1, 0 or 1. null comes before all else. Raises ExpressionError for what has no order."""
    if left is None or right is None:
        return (left is not None) - (right is not None)
    if is_number(left) and is_number(right):
        return bool(left > right) - bool(left < right)
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    if isinstance(left, Thing) and isinstance(right, Thing) and left.kind == right.kind:
        try:
            return bool(left.value > right.value) - bool(left.value < right.value)
        except TypeError:
            raise ExpressionError(f"Two of {kind(left)} have no order.") from None
    raise ExpressionError(f"{kind(left).capitalize()} cannot be compared with {kind(right)}.")


def truth(value: Any) -> bool:
    """What stands where true or false is needed; some words mean it too."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("true", "on", "yes", "1"):
            return True
        if word in ("false", "off", "no", "0"):
            return False
    raise ExpressionError(f"true or false is needed here, not {kind(value)}.")


# arithmetic


def add(left: Any, right: Any, budget: Budget) -> Any:
    """Numbers are added; a text takes whatever stands beside it."""
    if isinstance(left, str) or isinstance(right, str):
        text = joined(left, budget) + joined(right, budget)
        budget.spend_text(text)
        return text_of_size(text)
    return arithmetic("+", left, right)


def arithmetic(sign: str, left: Any, right: Any) -> Any:
    if not (is_number(left) and is_number(right)):
        raise ExpressionError(f"'{sign}' needs numbers, not {kind(left)} and {kind(right)}.")
    operation = _REAL if isinstance(left, float) or isinstance(right, float) else _WHOLE
    try:
        found = operation[sign](left, right)
    except ZeroDivisionError:
        raise ExpressionError("Nothing can be divided by zero.") from None
    except (OverflowError, ValueError):
        raise ExpressionError("There is no such number.") from None
    return integer(found) if isinstance(found, int) else _finite(found)


def _finite(number: Any) -> float:
    if isinstance(number, complex) or not math.isfinite(number):
        raise ExpressionError("There is no such number.")
    return float(number)


def _divide(left: int, right: int) -> int:
    """Towards zero."""
    found = abs(left) // abs(right)
    return found if (left < 0) == (right < 0) else -found


def _power(left: int, right: int) -> int:
    if abs(left) > 1:
        if right > 63:
            raise OverflowError
        return int(left**right) if right >= 0 else 0
    if left == 0:
        return int(0.0**right)  # 1 for 0; a negative power divides by zero
    return left if right % 2 else 1


_WHOLE: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
    "%": lambda left, right: left - right * _divide(left, right),
    "^": _power,
}
_REAL: dict[str, Callable[[Any, Any], Any]] = _WHOLE | {
    "/": lambda left, right: left / right,
    "%": math.fmod,
    "^": lambda left, right: float(left) ** right,
}
