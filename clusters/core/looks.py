"""How server groups and instances are shown: tone and icon are names in the stylesheet, the word says the same."""

from __future__ import annotations

from dataclasses import dataclass

from clusters.core.values import Health


@dataclass(frozen=True, slots=True)
class Look:
    word: str
    tone: str
    icon: str


@dataclass(frozen=True, slots=True)
class SquareLook:
    """`shape` is the form of the instance's square: health must be told without its colour."""

    word: str
    tone: str
    shape: str


#: Words stand in the middle of a sentence: "4 up, 2 down".
SQUARES: dict[str, SquareLook] = {
    Health.UP: SquareLook("up", "good", "up"),
    Health.STARTING: SquareLook("starting", "run", "starting"),
    Health.DOWN: SquareLook("down", "bad", "down"),
    Health.OUT_OF_SERVICE: SquareLook("out of service", "idle", "out"),
    Health.DRAINING: SquareLook("draining", "idle", "draining"),
    Health.UNKNOWN: SquareLook("unknown", "warn", "unknown"),
}

SERVING = Look("Serving", "good", "ok")
STARTING = Look("Starting", "run", "run")
SHRINKING = Look("Shrinking", "run", "run")
UNHEALTHY = Look("Unhealthy", "bad", "fail")
EMPTY = Look("Empty", "idle", "off")
DISABLED = Look("Disabled", "idle", "off")
DESTROYING = Look("Destroying", "warn", "run")


@dataclass(frozen=True, slots=True)
class Counts:
    """Instances of a server group by health."""

    up: int = 0
    down: int = 0
    starting: int = 0
    out_of_service: int = 0
    draining: int = 0
    unknown: int = 0

    @property
    def total(self) -> int:
        return self.up + self.down + self.starting + self.out_of_service + self.draining + self.unknown

    @property
    def sentence(self) -> str:
        """Those that are there, the good news first: "4 up, 2 down"."""
        named = [(look.word, getattr(self, look.word.replace(" ", "_"))) for look in SQUARES.values()]
        return ", ".join(f"{count} {word}" for word, count in named if count) or "no instances"


def of_server_group(counts: Counts, desired: int, *, is_disabled: bool, is_being_destroyed: bool) -> Look:
    if is_being_destroyed:
        return DESTROYING
    if is_disabled:
        return DISABLED
    if counts.down or counts.unknown or counts.out_of_service:
        return UNHEALTHY
    if counts.starting or counts.total < desired:
        return STARTING
    if counts.total > desired:
        return SHRINKING
    return SERVING if counts.total else EMPTY
