"""One table: each status with its word, tone and icon for people, and its meaning for the graph.

Source of names and meanings: Spinnaker's ExecutionStatus. The allowed moves are also kept by a database trigger.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    NOT_STARTED = "NOT_STARTED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    SUSPENDED = "SUSPENDED"
    SUCCEEDED = "SUCCEEDED"
    FAILED_CONTINUE = "FAILED_CONTINUE"
    TERMINAL = "TERMINAL"
    CANCELED = "CANCELED"
    REDIRECT = "REDIRECT"
    STOPPED = "STOPPED"
    SKIPPED = "SKIPPED"
    BUFFERED = "BUFFERED"

    @property
    def is_complete(self) -> bool:
        return TABLE[self].is_complete

    @property
    def halts(self) -> bool:
        """True when nothing behind this stage may start."""
        return TABLE[self].halts

    @property
    def opens_the_way(self) -> bool:
        """True when a stage that requires this one may start."""
        return self in (Status.SUCCEEDED, Status.FAILED_CONTINUE, Status.SKIPPED)


@dataclass(frozen=True, slots=True)
class Look:
    """How a status is shown (tone and icon are names in the stylesheet) and whether it ends or halts."""

    word: str
    tone: str
    icon: str
    is_complete: bool = False
    halts: bool = False


TABLE: dict[Status, Look] = {
    Status.NOT_STARTED: Look("Not started", "idle", "todo"),
    Status.BUFFERED: Look("Queued", "idle", "clock"),
    Status.RUNNING: Look("Running", "run", "run"),
    Status.PAUSED: Look("Paused", "warn", "pause"),
    Status.SUSPENDED: Look("Suspended", "warn", "pause"),
    Status.SUCCEEDED: Look("Succeeded", "good", "ok", is_complete=True),
    Status.FAILED_CONTINUE: Look("Failed, went on", "warn", "warn", is_complete=True),
    Status.TERMINAL: Look("Failed", "bad", "fail", is_complete=True, halts=True),
    Status.STOPPED: Look("Branch stopped", "bad", "off", is_complete=True, halts=True),
    Status.CANCELED: Look("Cancelled", "idle", "cancel", is_complete=True, halts=True),
    Status.SKIPPED: Look("Skipped", "idle", "skip", is_complete=True),
    Status.REDIRECT: Look("Going back", "run", "back"),
}

_OPEN_ENDS = {
    Status.SUCCEEDED,
    Status.FAILED_CONTINUE,
    Status.TERMINAL,
    Status.STOPPED,
    Status.CANCELED,
    Status.SKIPPED,
}

#: Where a stage may go from where it is. Complete is final; a restart inserts new rows instead.
STAGE_MOVES: dict[Status, frozenset[Status]] = {
    Status.NOT_STARTED: frozenset(
        {Status.RUNNING, Status.SKIPPED, Status.CANCELED, Status.TERMINAL, Status.STOPPED, Status.FAILED_CONTINUE}
    ),
    Status.RUNNING: frozenset(_OPEN_ENDS | {Status.PAUSED}),
    Status.PAUSED: frozenset({Status.RUNNING, Status.CANCELED}),
}

#: An execution never is STOPPED or FAILED_CONTINUE. A complete one opens again only with a higher attempt.
EXECUTION_MOVES: dict[Status, frozenset[Status]] = {
    Status.NOT_STARTED: frozenset({Status.RUNNING, Status.CANCELED, Status.TERMINAL}),
    Status.RUNNING: frozenset({Status.SUCCEEDED, Status.TERMINAL, Status.CANCELED, Status.PAUSED}),
    Status.PAUSED: frozenset({Status.RUNNING, Status.CANCELED}),
}

#: From the least to the most alarming, for bars that must fold several stages into one colour.
_BADNESS = ("good", "idle", "run", "ask", "warn", "bad")


def worst(tones: list[str]) -> str:
    """The most alarming of some tones; "idle" for none."""
    return max(tones, key=_BADNESS.index, default="idle")
