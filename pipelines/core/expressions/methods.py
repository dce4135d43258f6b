"""The methods that values have: those of Java's String, List and Map that pipelines use, and of dates."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pipelines.core.expressions import dates, patterns
from pipelines.core.expressions.errors import ExpressionError
from pipelines.core.expressions.limits import Budget, integer, text_of_size
from pipelines.core.expressions.values import (
    Thing,
    compare,
    equal,
    is_list,
    is_number,
    joined,
    kind,
    to_text,
)

#: (numbers of arguments it takes, what it does with the budget, the value and them)
Method = tuple[range, Callable[..., Any]]
_NONE, _ONE, _TWO, _ONE_OR_TWO = range(1), range(1, 2), range(2, 3), range(1, 3)


def call(value: Any, name: str, arguments: list[Any], budget: Budget) -> Any:
    """Raises ExpressionError for a method that the value does not have."""
    table = methods_of(value)
    if name not in table:
        raise ExpressionError(f"{kind(value).capitalize()} has no method {name!r} here.", available=table)
    takes, method = table[name]
    if len(arguments) not in takes:
        raise ExpressionError(f"{name} of {kind(value)} does not take {len(arguments)} arguments.")
    return method(budget, value, *arguments)


def methods_of(value: Any) -> dict[str, Method]:
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, dict):
        return _MAP
    if is_list(value):
        return _LIST
    if is_number(value):
        return _NUMBER
    return _THING.get(value.kind, {}) if isinstance(value, Thing) else _ANY


# arguments


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ExpressionError(f"A text is needed here, not {kind(value)}.")
    return value


def whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ExpressionError(f"A whole number is needed here, not {kind(value)}.")
    return integer(value)


def real(value: Any) -> Any:
    if not is_number(value):
        raise ExpressionError(f"A number is needed here, not {kind(value)}.")
    return integer(value) if isinstance(value, int) else value


def _place(value: Any, most: int) -> int:
    if not 0 <= whole(value) <= most:
        raise ExpressionError(f"{value} is no place in a text of {most} characters.")
    return int(value)


# texts


def _on_text(change: Callable[[str], Any]) -> Method:
    def method(budget: Budget, value: str) -> Any:
        budget.spend_text(value)
        return change(value)

    return _NONE, method


def _with_text(ask: Callable[[str, str], Any]) -> Method:
    def method(budget: Budget, value: str, other: Any) -> Any:
        budget.spend_text(value)
        return ask(value, text(other))

    return _ONE, method


def _replace(budget: Budget, value: str, old: Any, new: Any) -> str:
    old, new = text(old), text(new)
    budget.spend_text(value)
    count = value.count(old)
    if count and len(new) > len(old):
        text_of_size(value + "x" * min(count * (len(new) - len(old)), 100_000))
    return value.replace(old, new)


def _substring(budget: Budget, value: str, start: Any, end: Any = None) -> str:
    begin = _place(start, len(value))
    stop = len(value) if end is None else _place(end, len(value))
    if begin > stop:
        raise ExpressionError(f"{begin} is behind {stop}.")
    budget.spend_text(value)
    return value[begin:stop]


def _char_at(budget: Budget, value: str, place: Any) -> str:
    if _place(place, len(value)) == len(value):
        raise ExpressionError(f"{place} is no place in a text of {len(value)} characters.")
    return value[place]


def _index_of(budget: Budget, value: str, other: Any, start: Any = 0) -> int:
    budget.spend_text(value)
    return value.find(text(other), max(whole(start), 0))


def _split(budget: Budget, value: str, pattern: Any, limit: Any = 0) -> list[str]:
    return patterns.split(value, text(pattern), whole(limit), budget)


def _repeat(budget: Budget, value: str, times: Any) -> str:
    if whole(times) < 0 or times * len(value) > 64 * 1024:
        raise ExpressionError(f"{times} times is too often.")
    repeated: str = value * times
    budget.spend_text(repeated)
    return repeated


def join(budget: Budget, separator: Any, *parts: Any) -> str:
    """String.join: of a list, or of the arguments themselves."""
    items = parts[0] if len(parts) == 1 and is_list(parts[0]) else list(parts)
    return join_list(budget, items, separator)


def join_list(budget: Budget, items: Any, separator: Any = ",") -> str:
    total, texts = 0, []
    for item in items:
        budget.spend()
        texts.append(joined(item, budget))
        total += len(texts[-1]) + len(text(separator))
        if total > 64 * 1024 + len(separator):
            break
    return text_of_size(separator.join(texts))


_FORMAT = re.compile(r"%(?:%|n|(?P<flags>[-0+,]*)(?P<width>\d{1,3})?(?:\.(?P<digits>\d{1,2}))?(?P<letter>[sdfxXb]))")


def format_text(budget: Budget, pattern: Any, *given: Any) -> str:
    """String.format with %s %d %f %x %b, %% and %n; flags - 0 + and the comma, width up to 999, .digits."""
    waiting = list(given)
    budget.spend_text(text(pattern))

    def filled(match: re.Match[str]) -> str:
        if match[0] in ("%%", "%n"):
            return "%" if match[0] == "%%" else "\n"
        if not waiting:
            raise ExpressionError(f"There is no argument for {match[0]}.")
        budget.spend()
        return _padded(_formatted(match, waiting.pop(0), budget), match["flags"], int(match["width"] or 0))

    _, sign, rest = _FORMAT.sub("", pattern).partition("%")
    if sign:
        raise ExpressionError(f"%{rest[:5]} is no format known here: %s %d %f %x %b are.")
    return text_of_size(_FORMAT.sub(filled, pattern))


def _formatted(match: re.Match[str], value: Any, budget: Budget) -> str:
    letter, flags = match["letter"], match["flags"]
    signs = ("+" if "+" in flags else "") + ("," if "," in flags else "")
    if letter == "d":
        return format(whole(value), f"{signs}d")
    if letter == "f":
        return format(float(real(value)), f"{signs}.{match['digits'] or 6}f")
    if letter in "xX":
        return format(whole(value) if value >= 0 else whole(value) + 2**64, letter)
    shown = to_text(value if letter == "s" else value not in (None, False), budget)
    return shown[: int(match["digits"])] if match["digits"] else shown


def _padded(shown: str, flags: str, width: int) -> str:
    if "-" in flags:
        return shown.ljust(width)
    return shown.zfill(width) if "0" in flags else shown.rjust(width)


# lists and maps


def _contains(budget: Budget, items: Any, wanted: Any) -> bool:
    return _index_in(budget, items, wanted) >= 0


def _index_in(budget: Budget, items: Any, wanted: Any) -> int:
    for index, item in enumerate(items):
        budget.spend()
        if equal(item, wanted, budget):
            return index
    return -1


def _last_index_in(budget: Budget, items: Any, wanted: Any) -> int:
    found = _index_in(budget, _copied(budget, items)[::-1], wanted)
    return found if found < 0 else len(items) - 1 - found


def _contains_all(budget: Budget, items: Any, wanted: Any) -> bool:
    if not is_list(wanted):
        raise ExpressionError(f"A list is needed here, not {kind(wanted)}.")
    return all(_contains(budget, items, one) for one in wanted)


def at(items: Any, place: Any) -> Any:
    """Of a list or text by number. Raises ExpressionError for a place outside."""
    if not 0 <= whole(place) < len(items):
        raise ExpressionError(f"There are {len(items)} elements, so none at {place}.")
    return items[place]


def _sub_list(budget: Budget, items: Any, start: Any, end: Any) -> list[Any]:
    if not 0 <= whole(start) <= whole(end) <= len(items):
        raise ExpressionError(f"There are {len(items)} elements, so none from {start} to {end}.")
    return _copied(budget, items[start:end])


def _copied(budget: Budget, items: Any) -> list[Any]:
    budget.spend(1 + len(items) // 8)
    return list(items)


def first(budget: Budget, items: Any) -> Any:
    return at(items, 0)


def _last(budget: Budget, items: Any) -> Any:
    return at(items, max(len(items) - 1, 0))


def key_of(key: Any) -> Any:
    """As a key of a map; lists and maps are none."""
    if isinstance(key, (dict, list, tuple)):
        raise ExpressionError(f"A key is a text, not {kind(key)}.")
    return key


def entries(budget: Budget, value: dict[Any, Any]) -> list[dict[str, Any]]:
    budget.spend(1 + len(value))
    return [{"key": key, "value": item} for key, item in value.items()]


def _get_or(budget: Budget, value: dict[Any, Any], key: Any, default: Any) -> Any:
    return value.get(key_of(key), default)


# dates


def _later(unit: str, sign: int = 1) -> Method:
    return _ONE, lambda budget, thing, amount: dates.plus(thing, sign * whole(amount), unit)


def _shift(sign: int) -> Method:
    def method(budget: Budget, thing: Thing, amount: Any, unit: Any) -> Thing:
        if not isinstance(unit, Thing) or unit.kind != "ChronoUnit":
            raise ExpressionError("A ChronoUnit is needed here, such as T(java.time.temporal.ChronoUnit).DAYS.")
        return dates.plus(thing, sign * whole(amount), unit.value)

    return _TWO, method


def _field(read: Callable[[Any], Any]) -> Method:
    return _NONE, lambda budget, thing: read(thing.value)


def _order(ask: Callable[[int], bool]) -> Method:
    return _ONE, lambda budget, thing, other: ask(compare(thing, other))


def _units(*names: str) -> dict[str, Method]:
    pairs = {f"plus{name}": _later(name.upper()) for name in names}
    return (
        pairs | {f"minus{name}": _later(name.upper(), -1) for name in names} | {"plus": _shift(1), "minus": _shift(-1)}
    )


def _compared(budget: Budget, value: Any, other: Any) -> int:
    return compare(value, other)


_ANY: dict[str, Method] = {
    "toString": (_NONE, lambda budget, value: to_text(value, budget)),
    "equals": (_ONE, lambda budget, value, other: equal(value, other, budget)),
}
_ORDERED = _ANY | {"compareTo": (_ONE, _compared)}
_NUMBER: dict[str, Method] = _ORDERED | {
    "intValue": (_NONE, lambda budget, value: integer(int(value))),
    "longValue": (_NONE, lambda budget, value: integer(int(value))),
    "doubleValue": (_NONE, lambda budget, value: float(value)),
    "floatValue": (_NONE, lambda budget, value: float(value)),
}
_TEXT: dict[str, Method] = _ORDERED | {
    "charAt": (_ONE, _char_at),
    "concat": _with_text(lambda value, other: text_of_size(value + other)),
    "contains": _with_text(lambda value, other: other in value),
    "endsWith": _with_text(str.endswith),
    "equalsIgnoreCase": _with_text(lambda value, other: value.lower() == other.lower()),
    "format": (range(50), format_text),
    "indexOf": (_ONE_OR_TWO, _index_of),
    "isBlank": _on_text(lambda value: not value.strip()),
    "isEmpty": _on_text(lambda value: not value),
    "lastIndexOf": _with_text(str.rfind),
    "length": _on_text(len),
    "matches": (_ONE, lambda budget, value, pattern: patterns.matches(value, text(pattern), budget)),
    "repeat": (_ONE, _repeat),
    "replace": (_TWO, _replace),
    "replaceAll": (
        _TWO,
        lambda budget, value, old, new: patterns.replace(value, text(old), text(new), budget, is_once=False),
    ),
    "replaceFirst": (
        _TWO,
        lambda budget, value, old, new: patterns.replace(value, text(old), text(new), budget, is_once=True),
    ),
    "split": (_ONE_OR_TWO, _split),
    "startsWith": _with_text(str.startswith),
    "strip": _on_text(str.strip),
    "substring": (_ONE_OR_TWO, _substring),
    "toLowerCase": _on_text(lambda value: text_of_size(value.lower())),
    "toUpperCase": _on_text(lambda value: text_of_size(value.upper())),
    "trim": _on_text(str.strip),
}
_LIST: dict[str, Method] = _ANY | {
    "contains": (_ONE, _contains),
    "containsAll": (_ONE, _contains_all),
    "first": (_NONE, first),
    "get": (_ONE, lambda budget, items, place: at(items, place)),
    "getFirst": (_NONE, first),
    "getLast": (_NONE, _last),
    "indexOf": (_ONE, _index_in),
    "isEmpty": (_NONE, lambda budget, items: not items),
    "join": (range(2), join_list),
    "last": (_NONE, _last),
    "lastIndexOf": (_ONE, _last_index_in),
    "size": (_NONE, lambda budget, items: len(items)),
    "subList": (_TWO, _sub_list),
}
_MAP: dict[str, Method] = _ANY | {
    "containsKey": (_ONE, lambda budget, value, key: key_of(key) in value),
    "containsValue": (_ONE, lambda budget, value, wanted: _contains(budget, _copied(budget, value.values()), wanted)),
    "entrySet": (_NONE, entries),
    "get": (_ONE, lambda budget, value, key: value.get(key_of(key))),
    "getKey": (_NONE, lambda budget, value: value.get("key")),
    "getOrDefault": (_TWO, _get_or),
    "getValue": (_NONE, lambda budget, value: value.get("value")),
    "isEmpty": (_NONE, lambda budget, value: not value),
    "keySet": (_NONE, lambda budget, value: _copied(budget, value.keys())),
    "size": (_NONE, lambda budget, value: len(value)),
    "values": (_NONE, lambda budget, value: _copied(budget, value.values())),
}
_DATED: dict[str, Method] = _ORDERED | {
    "getYear": _field(lambda value: value.year),
    "getMonthValue": _field(lambda value: value.month),
    "getDayOfMonth": _field(lambda value: value.day),
    "getDayOfYear": _field(lambda value: value.timetuple().tm_yday),
    "getDayOfWeek": _field(lambda value: dates.day_of_week(value.weekday())),
    "isBefore": _order(lambda order: order < 0),
    "isAfter": _order(lambda order: order > 0),
    "isEqual": _order(lambda order: order == 0),
}
_NAMED = _ORDERED | {
    "name": (_NONE, lambda budget, thing: thing.text),
    "getValue": _field(lambda value: value + 1),
    "ordinal": _field(lambda value: value),
}
_THING: dict[str, dict[str, Method]] = {
    "LocalDate": _DATED
    | _units("Days", "Weeks", "Months", "Years")
    | {"atStartOfDay": _field(lambda value: dates.of("LocalDateTime", [value.year, value.month, value.day, 0, 0]))},
    "LocalDateTime": _DATED
    | _units("Seconds", "Minutes", "Hours", "Days", "Weeks", "Months", "Years")
    | {
        "getHour": _field(lambda value: value.hour),
        "getMinute": _field(lambda value: value.minute),
        "getSecond": _field(lambda value: value.second),
        "toLocalDate": _field(lambda value: dates.local_date(value.date())),
    },
    "Instant": _ORDERED
    | _units("Seconds", "Millis")
    | {
        "toEpochMilli": _field(dates.to_ms),
        "getEpochSecond": _field(lambda value: dates.to_ms(value) // 1000),
        "isBefore": _DATED["isBefore"],
        "isAfter": _DATED["isAfter"],
    },
    "Date": _ORDERED
    | {
        "getTime": _field(dates.to_ms),
        "toInstant": _field(lambda value: dates.instant("Instant", value)),
        "before": _DATED["isBefore"],
        "after": _DATED["isAfter"],
    },
    "DayOfWeek": _NAMED,
    "ChronoUnit": _ANY
    | {
        "name": _field(lambda value: value),
        "between": (_TWO, lambda budget, unit, start, end: dates.between(unit.value, start, end)),
    },
    "SimpleDateFormat": {
        "format": (_ONE, lambda budget, thing, value: dates.format_date(thing.value, value)),
        "parse": (_ONE, lambda budget, thing, value: dates.parse_date(thing.value, text(value))),
    },
    "UUID": _ORDERED,
    "Random": {
        "nextInt": (range(2), lambda budget, thing, most=2**31: _drawn(thing, most)),
        "nextBoolean": _field(lambda moment: moment.fraction() < 0.5),
        "nextDouble": _field(lambda moment: moment.fraction()),
    },
}


def _drawn(thing: Thing, most: Any) -> int:
    if whole(most) < 1:
        raise ExpressionError("nextInt needs a number above 0.")
    return int(thing.value.fraction() * most)
