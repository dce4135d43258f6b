"""When one kind of thing in one region is to be read again. Instants are seconds of any one clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reading(StrEnum):
    FULL = "full"
    #: Only what the provider says has changed.
    LOOK = "look"


#: A look takes at most this share of the time, so that a large region is not looked at without end.
LOOKS_SHARE = 0.2


@dataclass(slots=True)
class Pace:
    """A full read begins `every` seconds at most, and `pause` after the last one and as long after it as that took.

    In between come looks, where `can_look`.
    """

    every: float
    pause: float
    can_look: bool = False
    _full_at: float = 0.0
    _look_at: float = 0.0

    def due(self, now: float) -> Reading | None:
        """Whoever asks does so once in `every` seconds: what falls due until half the next time is due."""
        soon = now + self.every / 2
        if soon >= self._full_at:
            return Reading.FULL
        return Reading.LOOK if self.can_look and soon >= self._look_at else None

    def note(self, reading: Reading, began: float, ended: float) -> None:
        took = ended - began
        if reading is Reading.FULL:
            rest = max(self.pause, took) if self.pause else 0.0
            self._full_at = max(began + self.every, ended + rest)
            self._look_at = ended + self.every
        else:
            self._look_at = max(began + self.every, ended + took * (1 / LOOKS_SHARE - 1))
