"""T(…) and new …: the few classes that may be named, with their fields, static methods, constructors.

Dates are in UTC, "now" is the instant of the evaluation, and what is random follows from the stage: evaluated again
after a crash, an expression gives the same value.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote_plus

from pipelines.core.expressions import dates
from pipelines.core.expressions.errors import ExpressionError, listed
from pipelines.core.expressions.limits import Budget, integer
from pipelines.core.expressions.methods import format_text, join, real, text, whole
from pipelines.core.expressions.values import Thing, arithmetic, compare, is_number, kind, to_text

PACKAGES = {
    "java.lang.": ("String", "Integer", "Long", "Double", "Byte", "Float", "Math", "Boolean"),
    "java.util.": ("Date", "UUID", "Random"),
    "java.text.": ("SimpleDateFormat",),
    "java.time.": ("LocalDate", "LocalDateTime", "DayOfWeek", "Instant"),
    "java.time.temporal.": ("ChronoUnit",),
    "java.net.": ("URLEncoder",),
}
_NAMES = {package + name: name for package, names in PACKAGES.items() for name in names}
_NAMES |= {name: name for names in PACKAGES.values() for name in names}


class Moment:
    """When and for which stage it is evaluated."""

    def __init__(self, now: datetime, seed: str) -> None:
        self.now = now.astimezone(UTC)
        self._seed = seed
        self._drawn = 0

    def draw(self) -> bytes:
        """32 bytes: the next of the series that belongs to the seed."""
        self._drawn += 1
        return sha256(f"{self._seed}\n{self._drawn}".encode()).digest()

    def fraction(self) -> float:
        """At least 0, less than 1."""
        return int.from_bytes(self.draw()[:6], "big") / 2**48


def name_of(written: str) -> str:
    """Raises ExpressionError for a class that may not be used."""
    if written not in _NAMES:
        raise ExpressionError(f"The class {written} may not be used.", available=sorted(set(_NAMES.values())))
    return _NAMES[written]


def static_field(cls: str, field: str) -> Any:
    if cls == "DayOfWeek" and field in dates.DAYS:
        return dates.day_of_week(dates.DAYS.index(field))
    if cls == "ChronoUnit" and field in dates.UNITS:
        return Thing("ChronoUnit", field, field.capitalize())
    if (cls, field) in _CONSTANTS:
        return _CONSTANTS[cls, field]
    raise ExpressionError(f"{cls} has no field {field!r}.", available=[key[1] for key in _CONSTANTS if key[0] == cls])


def call_static(cls: str, method: str, arguments: list[Any], moment: Moment, budget: Budget) -> Any:
    if found := _MOMENTARY.get((cls, method)):
        if not arguments:
            return found(moment)
    elif plain := _STATIC.get((cls, method)):
        if len(arguments) in plain[0]:
            return plain[1](budget, *arguments)
    else:
        known = [key[1] for key in (*_STATIC, *_MOMENTARY) if key[0] == cls]
        raise ExpressionError(f"{cls} has no method {method!r} here.", available=known)
    raise ExpressionError(f"{cls}.{method} does not take {len(arguments)} arguments.")


def construct(cls: str, arguments: list[Any], moment: Moment, budget: Budget) -> Any:
    match cls, arguments:
        case "Date", []:
            return dates.instant("Date", moment.now)
        case "Date", [int(milliseconds)]:
            return dates.from_ms("Date", milliseconds)
        case "SimpleDateFormat", [str(pattern)]:
            return dates.date_format(pattern)
        case "Random", []:
            return Thing("Random", moment)
        case ("String", []):
            return ""
        case (("String" | "Integer" | "Long" | "Double" | "Float" | "Byte" | "Boolean"), [value]):
            return _STATIC[cls, "valueOf"][1](budget, value)
    raise ExpressionError(f"new {cls} does not take {listed(map(kind, arguments))}.")


# numbers


def _parsed_whole(value: Any) -> int:
    """Java's rule: digits with a sign, without spaces."""
    written = str(value)
    digits = written[1:] if written[:1] in "+-" else written
    if not (digits.isascii() and digits.isdigit() and len(digits) < 25):
        raise ExpressionError(f"{written[:60]!r} is no whole number.")
    return integer(int(written))


def parse_whole(budget: Budget, value: Any) -> int:
    if isinstance(value, str):
        return _parsed_whole(value)
    return whole(value)


def parse_real(budget: Budget, value: Any) -> float:
    if isinstance(value, str) and len(value) < 400:
        try:
            found = float(value.strip().rstrip("fFdD").replace("_", "x"))
        except ValueError:
            raise ExpressionError(f"{value[:60]!r} is no number.") from None
        if not math.isfinite(found):
            raise ExpressionError(f"{value[:60]!r} is too large or no number.")
        return found
    return float(real(value))


def parse_truth(budget: Budget, value: Any) -> bool:
    """Java's rule: only "true" is."""
    return value if isinstance(value, bool) else isinstance(value, str) and value.lower() == "true"


def _rounded(budget: Budget, value: Any) -> int:
    return integer(math.floor(real(value) + 0.5)) if isinstance(value, float) else whole(value)


def _absolute(budget: Budget, value: Any) -> Any:
    return integer(abs(whole(value))) if isinstance(value, int) else abs(real(value))


def _pow(budget: Budget, left: Any, right: Any) -> float:
    return float(arithmetic("^", float(real(left)), real(right)))


def _root(budget: Budget, value: Any) -> float:
    if real(value) < 0:
        raise ExpressionError("A negative number has no square root.")
    return math.sqrt(real(value))


def _largest(budget: Budget, left: Any, right: Any) -> Any:
    return _alike(left, right, left if compare(real(left), real(right)) >= 0 else right)


def _smallest(budget: Budget, left: Any, right: Any) -> Any:
    return _alike(left, right, left if compare(real(left), real(right)) <= 0 else right)


def _alike(left: Any, right: Any, found: Any) -> Any:
    return float(found) if isinstance(left, float) or isinstance(right, float) else found


def _random_uuid(moment: Moment) -> Thing:
    made = str(uuid.UUID(bytes=moment.draw()[:16], version=4))
    return Thing("UUID", made, made)


def _uuid(budget: Budget, value: Any) -> Thing:
    try:
        known = str(uuid.UUID(text(value)))
    except ValueError:
        raise ExpressionError(f"{value[:60]!r} is no UUID.") from None
    return Thing("UUID", known, known)


def _encoded(budget: Budget, value: Any, charset: Any = "UTF-8") -> str:
    if text(charset).upper() not in ("UTF-8", "UTF8"):
        raise ExpressionError("Only UTF-8 is known here.")
    budget.spend_text(value := text(value))
    return quote_plus(value, safe="*-._")


def _between(cls: str) -> Callable[..., Any]:
    return lambda budget, *parts: dates.of(cls, [whole(part) for part in parts])


def _valued(budget: Budget, value: Any) -> str:
    return to_text(value, budget)


_Static = tuple[range, Callable[..., Any]]
_ONE, _TWO = range(1, 2), range(2, 3)

_CONSTANTS: dict[tuple[str, str], Any] = {
    ("Integer", "MAX_VALUE"): 2**31 - 1,
    ("Integer", "MIN_VALUE"): -(2**31),
    ("Long", "MAX_VALUE"): 2**63 - 1,
    ("Long", "MIN_VALUE"): -(2**63),
    ("Math", "PI"): math.pi,
    ("Math", "E"): math.e,
    ("Boolean", "TRUE"): True,
    ("Boolean", "FALSE"): False,
}
_MOMENTARY: dict[tuple[str, str], Callable[[Moment], Any]] = {
    ("LocalDate", "now"): lambda moment: dates.local_date(moment.now.date()),
    ("LocalDateTime", "now"): lambda moment: dates.local_time(moment.now.replace(tzinfo=None)),
    ("Instant", "now"): lambda moment: dates.instant("Instant", moment.now),
    ("UUID", "randomUUID"): _random_uuid,
    ("Math", "random"): lambda moment: moment.fraction(),
}
_STATIC: dict[tuple[str, str], _Static] = {
    ("Math", "max"): (_TWO, _largest),
    ("Math", "min"): (_TWO, _smallest),
    ("Math", "abs"): (_ONE, _absolute),
    ("Math", "round"): (_ONE, _rounded),
    ("Math", "floor"): (_ONE, lambda budget, value: float(math.floor(real(value)))),
    ("Math", "ceil"): (_ONE, lambda budget, value: float(math.ceil(real(value)))),
    ("Math", "pow"): (_TWO, _pow),
    ("Math", "sqrt"): (_ONE, _root),
    ("Integer", "parseInt"): (_ONE, parse_whole),
    ("Integer", "toString"): (_ONE, _valued),
    ("Long", "parseLong"): (_ONE, parse_whole),
    ("Long", "toString"): (_ONE, _valued),
    ("Byte", "parseByte"): (_ONE, parse_whole),
    ("Double", "parseDouble"): (_ONE, parse_real),
    ("Float", "parseFloat"): (_ONE, parse_real),
    ("Boolean", "parseBoolean"): (_ONE, parse_truth),
    ("String", "valueOf"): (_ONE, _valued),
    ("String", "join"): (range(2, 50), join),
    ("String", "format"): (range(1, 50), format_text),
    ("UUID", "fromString"): (_ONE, _uuid),
    ("URLEncoder", "encode"): (range(1, 3), _encoded),
    ("LocalDate", "of"): (range(3, 4), _between("LocalDate")),
    ("LocalDate", "parse"): (_ONE, lambda budget, value: dates.parse("LocalDate", text(value))),
    ("LocalDateTime", "of"): (range(5, 7), _between("LocalDateTime")),
    ("LocalDateTime", "parse"): (_ONE, lambda budget, value: dates.parse("LocalDateTime", text(value))),
    ("Instant", "parse"): (_ONE, lambda budget, value: dates.parse("Instant", text(value))),
    ("Instant", "ofEpochMilli"): (_ONE, lambda budget, value: dates.from_ms("Instant", whole(value))),
    ("Instant", "ofEpochSecond"): (_ONE, lambda budget, value: dates.from_ms("Instant", whole(value) * 1000)),
    ("DayOfWeek", "of"): (_ONE, lambda budget, value: dates.day_of_week(whole(value) - 1)),
}
_VALUE_OF: dict[str, Callable[..., Any]] = {
    "Integer": parse_whole,
    "Long": parse_whole,
    "Byte": parse_whole,
    "Double": parse_real,
    "Float": parse_real,
    "Boolean": parse_truth,
}
_STATIC |= {(cls, "valueOf"): (_ONE, parse) for cls, parse in _VALUE_OF.items()}

_JAVA_KINDS: dict[str, Callable[[Any], bool]] = {
    "String": lambda value: isinstance(value, str),
    "Boolean": lambda value: isinstance(value, bool),
    "Integer": lambda value: is_number(value) and isinstance(value, int),
    "Long": lambda value: is_number(value) and isinstance(value, int),
    "Double": lambda value: isinstance(value, float),
    "Float": lambda value: isinstance(value, float),
}


def is_instance(value: Any, cls: str) -> bool:
    known = _JAVA_KINDS.get(cls)
    return known(value) if known else isinstance(value, Thing) and value.kind == cls
