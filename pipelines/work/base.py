"""What a kind of work is: a function that runs for as long as it takes, prints, and stops soon when asked to."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from clusters.trust.redaction import redact
from pipelines.models.work import LOG_CHARACTERS

Json = dict[str, Any]

#: Longest a kind may take from being asked to stop until it has, seconds.
STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended. `message` is a sentence, needed when it did not succeed."""

    is_success: bool
    message: str = ""
    result: Json = field(default_factory=dict)


class Desk:
    """Where work is done: prints are kept here until written down; `stopping` is set when it is to stop."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._guard = threading.Lock()
        self._text = ""
        self._cut = 0
        self._secrets: frozenset[str] = frozenset()
        self._is_changed = False

    def hide(self, secrets: Iterable[str]) -> None:
        """Never show these texts."""
        self._secrets |= frozenset(secrets)

    def print(self, text: str) -> None:
        """Add to the log. Twice the size shown is kept, so that no secret at the edge escapes for being cut in two."""
        with self._guard:
            self._text += text.replace("\0", "\N{REPLACEMENT CHARACTER}")
            surplus = len(self._text) - 2 * LOG_CHARACTERS
            if surplus > LOG_CHARACTERS // 2:
                self._text, self._cut = self._text[surplus:], self._cut + surplus
            self._is_changed = True

    def news(self) -> tuple[str, int] | None:
        """The log as it may be shown and how many characters before it are gone; None when that is known already."""
        with self._guard:
            if not self._is_changed:
                return None
            self._is_changed = False
            shown = redact(self._text, self._secrets)
            surplus = max(0, len(shown) - LOG_CHARACTERS)
            return shown[surplus:], self._cut + surplus

    def again(self) -> None:
        """What `news` told could not be written down: tell it again."""
        self._is_changed = True


class Kind(Protocol):
    """Everything it needs is in `request`, which is JSON."""

    def run(self, request: Json, desk: Desk) -> Ended:
        """Do it, in a thread of its own. Within STOP_SECONDS of `desk.stopping` it returns, whatever it returns."""

    def after_loss(self, request: Json) -> Ended:
        """Another worker began it and is gone: find out what came of it, without doing it again."""
