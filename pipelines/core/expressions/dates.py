"""Dates and instants as expressions know them: java.time's classes, java.util.Date and SimpleDateFormat, in UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pipelines.core.expressions.errors import ExpressionError, listed
from pipelines.core.expressions.values import Thing, kind

DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
# Not strftime's, which follow the host's locale.
_FIRST_HALF = ("January", "February", "March", "April", "May", "June")
_MONTHS = (*_FIRST_HALF, "July", "August", "September", "October", "November", "December")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = {"MILLIS": 0.001, "SECONDS": 1, "MINUTES": 60, "HOURS": 3600, "DAYS": 86400, "WEEKS": 604800}
UNITS = (*_SECONDS, "MONTHS", "YEARS")


def local_date(value: date) -> Thing:
    return Thing("LocalDate", value, value.isoformat())


def local_time(value: datetime) -> Thing:
    return Thing("LocalDateTime", value, f"{value:%Y-%m-%dT%H:%M}" + _seconds(value, is_short=True))


def instant(name: str, value: datetime) -> Thing:
    """`name` is Instant or Date; value with its zone."""
    value = value.astimezone(UTC)
    if name == "Date":
        value = value.replace(microsecond=value.microsecond // 1000 * 1000)
        return Thing(name, value, _formatted("EEE MMM dd HH:mm:ss z yyyy", value))
    return Thing(name, value, f"{value:%Y-%m-%dT%H:%M}{_seconds(value, is_short=False)}Z")


def day_of_week(index: int) -> Thing:
    """0 is Monday."""
    if not 0 <= index < 7:
        raise ExpressionError("A week has the days 1 to 7.")
    return Thing("DayOfWeek", index, DAYS[index])


def date_format(pattern: str) -> Thing:
    if len(pattern) > 100:
        raise ExpressionError("A date format may have 100 characters at most.")
    _formatted(pattern, _EPOCH)
    return Thing("SimpleDateFormat", pattern)


def from_ms(name: str, milliseconds: int) -> Thing:
    return instant(name, _shifted(_EPOCH, timedelta(milliseconds=_near(milliseconds))))


def to_ms(value: datetime) -> int:
    return (value - _EPOCH) // timedelta(milliseconds=1)


def of(name: str, parts: list[int]) -> Thing:
    try:
        return local_date(date(*parts)) if name == "LocalDate" else local_time(datetime(*parts))  # type: ignore[arg-type]  # noqa: DTZ001
    except (ValueError, OverflowError) as error:
        raise ExpressionError(f"There is no such date: {error}.") from None


def parse(name: str, text: str) -> Thing:
    try:
        if name == "LocalDate":
            return local_date(date.fromisoformat(text))
        value = datetime.fromisoformat(text)
    except ValueError:
        raise ExpressionError(f"{text[:60]!r} is no {name}.") from None
    if (value.tzinfo is None) == (name == "Instant"):
        raise ExpressionError(f"{text[:60]!r} is no {name}.")
    try:
        return instant(name, value) if name == "Instant" else local_time(value)
    except OverflowError:
        raise ExpressionError(f"{text[:60]!r} is out of range.") from None


def plus(thing: Thing, amount: int, unit: str) -> Thing:
    amount = _near(amount)
    value = thing.value
    if unit in ("MONTHS", "YEARS"):
        value = _months_later(value, amount * (12 if unit == "YEARS" else 1))
    else:
        value = _shifted(value, timedelta(seconds=_SECONDS[unit] * amount))
    if thing.kind == "LocalDate":
        return local_date(value)
    return local_time(value) if thing.kind == "LocalDateTime" else instant(thing.kind, value)


def between(unit: str, start: Thing, end: Thing) -> int:
    """Whole units from one to the other, towards zero."""
    if start.kind != end.kind or start.kind not in ("LocalDate", "LocalDateTime", "Instant"):
        raise ExpressionError(f"There is no time between {kind(start)} and {kind(end)}.")
    if unit in ("MONTHS", "YEARS"):
        months = _whole_months(start.value, end.value)
        return int(months / 12) if unit == "YEARS" else months
    difference: timedelta = end.value - start.value
    return int(difference / timedelta(seconds=_SECONDS[unit]))


def _whole_months(start: date, end: date) -> int:
    months = (end.year - start.year) * 12 + end.month - start.month
    there = _months_later(start, months)
    if months > 0 and there > end:
        return months - 1
    return months + 1 if months < 0 and there < end else months


def _months_later(value: Any, months: int) -> Any:
    year, month = divmod(value.year * 12 + value.month - 1 + months, 12)
    for day in range(value.day, 27, -1):
        try:
            return value.replace(year=year, month=month + 1, day=day)
        except (ValueError, OverflowError):
            continue
    try:
        return value.replace(year=year, month=month + 1, day=min(value.day, 28))
    except (ValueError, OverflowError):
        raise ExpressionError("The date is out of range.") from None


def _shifted(value: Any, by: timedelta) -> Any:
    try:
        return value + by
    except OverflowError:
        raise ExpressionError("The date is out of range.") from None


def _near(amount: int) -> int:
    if abs(amount) > 10**15:
        raise ExpressionError("The date is out of range.")
    return amount


def _seconds(value: datetime, *, is_short: bool) -> str:
    if value.microsecond:
        digits = 6 if value.microsecond % 1000 else 3
        return f":{value.second:02}.{value.microsecond:06}"[: 4 + digits]
    return "" if is_short and not value.second else f":{value.second:02}"


# SimpleDateFormat

_PART = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|([^A-Za-z']+)")
_LETTERS: dict[str, Callable[[datetime, int], str]] = {
    "y": lambda at, width: f"{at.year % 100:02}" if width == 2 else f"{at.year:0{width}}",
    "M": lambda at, width: _name(_MONTHS[at.month - 1], width) if width > 2 else f"{at.month:0{width}}",
    "d": lambda at, width: f"{at.day:0{width}}",
    "D": lambda at, width: f"{at.timetuple().tm_yday:0{width}}",
    "H": lambda at, width: f"{at.hour:0{width}}",
    "h": lambda at, width: f"{at.hour % 12 or 12:0{width}}",
    "m": lambda at, width: f"{at.minute:0{width}}",
    "s": lambda at, width: f"{at.second:0{width}}",
    "S": lambda at, width: f"{at.microsecond // 1000:0{width}}",
    "a": lambda at, width: "AM" if at.hour < 12 else "PM",
    "E": lambda at, width: _name(DAYS[at.weekday()], width),
    "u": lambda at, width: str(at.isoweekday()),
    "z": lambda at, width: "UTC",
    "Z": lambda at, width: "+0000",
    "X": lambda at, width: "Z",
}


def _name(word: str, width: int) -> str:
    return word.capitalize() if width > 3 else word.capitalize()[:3]


def _formatted(pattern: str, at: datetime) -> str:
    parts, position = [], 0
    while position < len(pattern):
        match = _PART.match(pattern, position)
        if match is None:
            raise ExpressionError("A quote in the date format is not closed.")
        quoted, letter, other = match.groups()
        if letter and letter not in _LETTERS:
            raise ExpressionError(f"{letter!r} means nothing in a date format here; known: {listed(_LETTERS)}.")
        if letter:
            parts.append(_LETTERS[letter](at, len(match[0])))
        else:
            parts.append(other if quoted is None else quoted.replace("''", "'") or "'")
        position = match.end()
    return "".join(parts)


def format_date(pattern: str, value: Any) -> str:
    if isinstance(value, Thing) and value.kind == "Date":
        return _formatted(pattern, value.value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _formatted(pattern, from_ms("Date", value).value)
    raise ExpressionError(f"A Date is formatted, not {kind(value)}.")


def parse_date(pattern: str, text: str) -> Thing:
    """Digits alone are read back. The pattern made of it never steps back: people's formats cannot make it slow."""
    fields = {"y": 1970, "M": 1, "d": 1, "H": 0, "m": 0, "s": 0, "S": 0}
    expected, letters = "", []
    for match in _PART.finditer(pattern):
        quoted, letter, other = match.groups()
        if letter and letter not in fields:
            raise ExpressionError(f"{letter!r} cannot be read back from a text here; known: {listed(fields)}.")
        if letter:
            letters.append(letter)
            expected += f"([0-9]{{{len(match[0])}}})" if len(match[0]) > 1 else "([0-9]{1,4}+)"
        else:
            expected += re.escape(other if quoted is None else quoted.replace("''", "'") or "'")
    found = re.fullmatch(expected, text[:200], re.ASCII)
    if found is None:
        raise ExpressionError(f"{text[:60]!r} is not written as {pattern!r}.")
    fields |= dict(zip(letters, map(int, found.groups()), strict=True))
    year, month, day, hour, minute, second, milliseconds = fields.values()
    try:
        read = datetime(year, month, day, hour, minute, second, milliseconds * 1000, tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ExpressionError(f"There is no such date: {error}.") from None
    return instant("Date", read)
