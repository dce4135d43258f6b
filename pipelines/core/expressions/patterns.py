"""Regular expressions in expressions, by RE2: its time grows with the text's length and never explodes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import re2

from pipelines.core.expressions.errors import ExpressionError, TooMuch
from pipelines.core.expressions.limits import Budget, text_of_size

MOST_PATTERN = 500
MOST_SEARCHED = 16 * 1024
#: Bytes a compiled pattern may take: counted repetitions blow up.
MOST_MEMORY = 256 * 1024
#: In the worst case each instruction of the compiled pattern looks at each character: so many looks are one step.
_LOOKS_A_STEP = 1000

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = MOST_MEMORY

_PLAIN = re.compile(r"\\?[^\\.$|()\[\]{}^?*+\w\s]|[\w ,;:/@#&=~!%<>'\"-]+")
_REFERENCE = re.compile(r"\\(.)|\$(\d)|\$\{?(\w*)\}?", re.DOTALL)


def matches(text: str, pattern: str, budget: Budget) -> bool:
    """The whole text."""
    compiled = _compiled(pattern)
    _charge(text, compiled, budget)
    return compiled.fullmatch(text) is not None


def split(text: str, pattern: str, limit: int, budget: Budget) -> list[str]:
    """As Java splits: empty texts at the end are dropped unless a limit is given; 0 is none."""
    parts: list[str] = []
    begin = 0
    for start, end in _places(text, pattern, budget):
        if limit > 0 and len(parts) == limit - 1:
            break
        if end == 0:
            continue
        parts.append(text[begin:start])
        begin = end
    parts.append(text[begin:])
    while limit == 0 and len(parts) > 1 and not parts[-1]:
        parts.pop()
    return parts if begin else [text]


def replace(text: str, pattern: str, replacement: str, budget: Budget, *, is_once: bool) -> str:
    """$1 is the first group, a backslash takes the meaning from what follows."""
    begin = size = 0
    parts: list[str] = []
    for match in _found(_compiled(pattern), text, budget):
        new = _expanded(replacement, match)
        parts += [text[begin : match.start()], new]
        size += len(new)
        if size > len(text):
            text_of_size("".join(parts))
            size = 0
        begin = match.end()
        if is_once:
            break
    return text_of_size("".join([*parts, text[begin:]]))


def _places(text: str, pattern: str, budget: Budget) -> Iterator[tuple[int, int]]:
    if len(pattern) <= 2 and _PLAIN.fullmatch(pattern):
        separator = pattern[-1] if pattern.startswith("\\") else pattern
        budget.spend_text(text)
        start = text.find(separator)
        while start >= 0:
            budget.spend()
            yield start, start + len(separator)
            start = text.find(separator, start + len(separator))
        return
    for match in _found(_compiled(pattern), text, budget):
        yield match.start(), match.end()


def _found(compiled: Any, text: str, budget: Budget) -> Iterator[Any]:
    _charge(text, compiled, budget)
    for match in compiled.finditer(text):
        # The search for the next one may look at all that is left, in vain.
        budget.spend(1 + (len(text) - match.end()) * compiled.programsize // _LOOKS_A_STEP)
        yield match


def _expanded(replacement: str, match: Any) -> str:
    def meant(reference: re.Match[str]) -> str:
        escaped, group, other = reference.groups()
        if escaped is not None:
            return str(escaped)
        if group is None:
            raise ExpressionError(f"'${other}' is no group; a plain $ in a replacement is written \\$.")
        try:
            return match.group(int(group)) or ""
        except IndexError:
            raise ExpressionError(f"The pattern has no group {group}.") from None

    return _REFERENCE.sub(meant, replacement) if "$" in replacement or "\\" in replacement else replacement


def _charge(text: str, compiled: Any, budget: Budget) -> None:
    if len(text) > MOST_SEARCHED:
        raise TooMuch(f"A regular expression looks at {MOST_SEARCHED} characters at most.")
    budget.spend(1 + len(text) * compiled.programsize // _LOOKS_A_STEP)


def _compiled(pattern: str) -> Any:
    if len(pattern) > MOST_PATTERN:
        raise ExpressionError(f"A regular expression may have {MOST_PATTERN} characters at most.")
    try:
        return _compile(pattern)
    except re2.error as error:
        told = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise ExpressionError(f"The regular expression {pattern!r} cannot be used: {told}.") from None


@lru_cache(maxsize=256)
def _compile(pattern: str) -> Any:
    return re2.compile(pattern, _OPTIONS)
