"""An execution with its stages and steps as frozen values: all that decide() sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pipelines.core.plan import Json, Judgment
from pipelines.core.status import Status


class StepStatus(StrEnum):
    PENDING = "PENDING"  # to be looked at now
    RUNNING = "RUNNING"  # looked at, waits for due_at or for wait_key
    INTENT = "INTENT"  # the request is written down; whether the world changed is being found out
    STOPPING = "STOPPING"  # nobody waits for it any more: what it looked at is being called off
    DONE = "DONE"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CANCELED = "CANCELED"

    @property
    def is_open(self) -> bool:
        return self in _OPEN


_OPEN = frozenset({StepStatus.PENDING, StepStatus.RUNNING, StepStatus.INTENT, StepStatus.STOPPING})


class Phase(StrEnum):
    """Where a running stage is: its children before, its steps, its children after, or those after a failure."""

    NONE = ""
    BEFORE = "before"
    STEPS = "steps"
    AFTER = "after"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Step:
    id: str
    stage_id: str
    n: int
    name: str
    kind: str
    status: StepStatus
    token: str
    started_at: datetime
    intent: Json | None = None
    lock: str = ""
    tries: int = 0
    due_at: datetime | None = None
    wait_key: str = ""
    waiting_for: str = ""
    message: str = ""
    deadline: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """`ref` of a child is its parent's ref, `<` or `>`, and a number. `requisites` are refs of siblings."""

    id: str
    ref: str
    attempt: int
    type_key: str
    name: str
    status: Status = Status.NOT_STARTED
    position: int = 0
    parent_id: str | None = None
    owner: str = ""
    requisites: tuple[str, ...] = ()
    context: Json = field(default_factory=dict)
    outputs: Json = field(default_factory=dict)
    phase: Phase = Phase.NONE
    #: What the stage will be once its on-failure children have ended.
    failing_as: Status | None = None
    message: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    judgment: Judgment | None = None
    is_skip_requested: bool = False


@dataclass(frozen=True, slots=True)
class Execution:
    """`signal` counts what people said meanwhile (cancel, judge, skip); a decision made under an older one is void."""

    id: str
    application: str
    status: Status
    attempt: int = 1
    signal: int = 0
    actor: Any = None
    trigger: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    #: None: an ad-hoc execution.
    pipeline_id: str | None = None
    started_by: str = ""
    #: What expressions may ask beside the execution (pipelines.core.expressions.Directory); None: nothing.
    directory: Any = None
    is_cancel_requested: bool = False
    started_at: datetime | None = None
    ended_at: datetime | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Stages of the highest attempt only, in order of position; steps in order of n."""

    execution: Execution
    stages: dict[str, Stage] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
