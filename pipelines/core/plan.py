"""What a stage type is made of: children, steps, intents and outcomes. All values; nothing here acts.

A stage type answers four pure questions (before, steps, after, on_failure). Its steps are of two kinds: *observe* reads
the world and may be repeated; *effect* changes the world once, in three calls that survive a crash between any two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from pipelines.core.status import Status

Json = dict[str, Any]


class StepFailed(Exception):
    """The user's world is not as the step needs it. The message says what was seen and what is left standing.

    `field` is the JSON path below the stage, when one field is to blame. `is_retryable`: the same call may work later.
    """

    def __init__(self, message: str, *, field: str = "", is_retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.is_retryable = is_retryable


@dataclass(frozen=True, slots=True)
class Child:
    """A stage to be made under another. `follows`: indexes of earlier children of the list; none: starts at once."""

    type_key: str
    name: str
    context: Json
    follows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ancestor:
    """An earlier stage as later ones see it, or (kind "trigger") what started the execution."""

    ref: str
    type_key: str
    name: str
    status: Status
    context: Mapping[str, Any]
    outputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Judgment:
    """A person's answer: "continue" or "stop", the input picked, the reason given."""

    answer: str
    by: str
    at: datetime
    input: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StageView:
    """What a stage type may look at. Instants are the database's; `ancestors` come nearest first.

    `actor` is the acting identity (clusters.trust.permissions.Actor), passed on to operations untouched.
    """

    execution_id: str
    application: str
    stage_id: str
    ref: str
    name: str
    attempt: int
    actor: Any
    context: Mapping[str, Any]
    outputs: Mapping[str, Any]
    trigger: Mapping[str, Any] = field(default_factory=dict)
    ancestors: Sequence[Ancestor] = ()
    #: Stages still to come behind this one's top-level stage, in order (a bake adds their regions).
    downstream: Sequence[Ancestor] = ()

    def lookup(self, key: str, default: Any = None) -> Any:
        """`key` in this stage's context or outputs, else in the nearest ancestor's outputs, else `default`."""
        for place in (self.context, self.outputs, *(ancestor.outputs for ancestor in self.ancestors)):
            if place.get(key) is not None:
                return place[key]
        return default


@dataclass(frozen=True, slots=True)
class StepView:
    """A step about to be tried: its stage, the time now, when it and its stage began, and what people said.

    `token` finds an effect again at the provider; it stays the same however often the step is tried. `tries` counts
    earlier looks of this step.
    """

    stage: StageView
    name: str
    token: str
    now: datetime
    started_at: datetime
    stage_started_at: datetime
    tries: int = 0
    judgment: Judgment | None = None
    is_skip_requested: bool = False


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Done. `context` is merged into the stage's context, `outputs` into what later stages see."""

    context: Json = field(default_factory=dict)
    outputs: Json = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """Not yet. Look again `again_in` seconds from now, or at `until`, or (both None) only when woken.

    `waiting_for` is one sentence: who or what, until when, otherwise what. `wait_key` names what wakes it.
    """

    waiting_for: str
    again_in: float | None = None
    until: datetime | None = None
    wait_key: str = ""
    context: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """Ended badly: TERMINAL, or CANCELED where the outside world cancelled; the stage's failure options apply."""

    message: str
    status: Status = Status.TERMINAL
    context: Json = field(default_factory=dict)
    outputs: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A person chose not to wait."""

    note: str = ""
    context: Json = field(default_factory=dict)


Outcome = Succeeded | Running | Failed | Skipped


class Absent:
    """`find` is sure that the effect never happened."""


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Intent:
    """An effect's frozen request, written down before the call. JSON only.

    `lock` is the cluster (clusters.operations.server_groups.cluster_key) held from here to the outcome; "" holds none.
    `claim` is one that the stage has to itself until it has ended.
    """

    request: Json
    summary: str
    lock: str = ""
    claim: str = ""


@dataclass(frozen=True, slots=True)
class Observe:
    """A step that only reads. `check(step, config)` may raise StepFailed. Times are seconds; no timeout: None."""

    name: str
    check: Callable[[StepView, Any], Outcome]
    timeout_seconds: float | None = None
    #: The stage's own `stageTimeoutMs` replaces the timeout.
    is_timeout_overridable: bool = True
    #: Ends in the outside world what the step waits for, once nobody waits any more: cancelled, timed out, or a branch
    #: beside it failed. At most 6 s; may be repeated; Running asks again, anything else says what came of it.
    call_off: Callable[[StepView, Any], Outcome] | None = None
    kind: ClassVar[str] = "observe"


@dataclass(frozen=True, slots=True)
class Effect:
    """A step that changes the world once.

    `intend(step, config)` runs inside a transaction and may write rows: names are reserved, percentages become sizes.
    `perform(intent, step)` runs outside any transaction, takes at most 6 s. `find(intent, step)` runs instead of it
    after a crash: the outcome when the effect happened, ABSENT when it surely did not. All three may raise StepFailed.
    `is_rehearsable` promises that it acts on clouds alone, through clusters.operations: a rehearsal performs it on
    copies of them, and takes the success of any other effect for granted.
    """

    name: str
    intend: Callable[[StepView, Any], Intent]
    perform: Callable[[Intent, StepView], Outcome]
    find: Callable[[Intent, StepView], Outcome | Absent]
    timeout_seconds: float | None = 300
    is_timeout_overridable: bool = False
    is_rehearsable: bool = False
    kind: ClassVar[str] = "effect"


StepSpec = Observe | Effect


class Expressions(Protocol):
    """Evaluates expressions as the stage sees them when it begins (pipelines.core.scope). Nothing raises: what has no
    value stays as it is, or is None when it is bare, and is told under its path, which begins with `at`."""

    def evaluate(
        self, value: Any, *, at: str = "", but: Collection[str] = (), also: Mapping[str, Any] | None = None
    ) -> Any:
        """The value with each ${…} replaced. `but` names keys left alone, `also` more names to see."""
        ...

    def bare(self, expression: str, *, at: str) -> Any:
        """The value of an expression without ${}."""
        ...

    def told(self, at: str) -> str:
        """What was told of a path, in sentences; "" when nothing was."""
        ...


class StageType(Protocol):
    """One kind of stage. `parse(context)` gives the typed config or raises StepFailed naming the field."""

    key: ClassVar[str]
    label: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]]
    #: A finished execution may be restarted at this stage.
    is_restartable: ClassVar[bool]
    #: A child of this type runs only while other children do, and is dismissed once these have ended well.
    is_companion: ClassVar[bool]

    def bare_expressions(self, context: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """(path, expression) of the fields that hold an expression without ${}."""
        ...

    def evaluated(self, context: Json, expressions: Expressions) -> Json:
        """The context with its expressions replaced: asked once, when a stage of the pipeline begins."""
        ...

    def parse(self, context: Mapping[str, Any]) -> Any: ...
    def before(self, config: Any, stage: StageView) -> list[Child]: ...
    def steps(self, config: Any) -> tuple[StepSpec, ...]: ...
    def after(self, config: Any, stage: StageView) -> list[Child]: ...
    def on_failure(self, config: Any, stage: StageView, failed_step: str) -> list[Child]: ...


def in_sequence(children: list[Child]) -> list[Child]:
    """The same children, each following the one before it."""
    return [
        Child(child.type_key, child.name, child.context, (index - 1,) if index else ())
        for index, child in enumerate(children)
    ]
