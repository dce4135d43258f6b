"""What is said of things that go on, failed or ended. Pure: instants are printed in the time zone of `now`.

Of everything live: who or what it waits for, until when, how long that is, and what happens otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

JUDGMENT = "manualJudgment"
#: Stage types whose time is somebody's or the clock's, not work: pale in bars.
HOLDS = frozenset({JUDGMENT, "wait"})


class StageFacts(Protocol):
    """What is read of a stage; rows of pipelines.models and values of pipelines.core.snapshot both fit."""

    type_key: str
    name: str
    context: Any


class StepFacts(Protocol):
    name: str
    status: Any
    due_at: datetime | None
    deadline: datetime | None
    waiting_for: str
    message: str


@dataclass(frozen=True, slots=True)
class Judges:
    """Who may answer: names of people when they are known, else of roles; `includes_you`: the reader is one of them."""

    people: Sequence[str] = ()
    roles: Sequence[str] = ()
    includes_you: bool = False


NOBODY_NAMED = Judges()


def took(duration: timedelta) -> str:
    """0.4 s, 44 s, 13 min 11 s, 3 h 57 min, 2 d 4 h."""
    seconds = max(duration.total_seconds(), 0)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return _two(minutes, "min", rest, "s")
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return _two(hours, "h", minutes, "min")
    return _two(hours // 24, "d", hours % 24, "h")


def _two(many: int, of: str, few: int, rest: str) -> str:
    return f"{many} {of} {few} {rest}" if few else f"{many} {of}"


def about(duration: timedelta) -> str:
    """The same, rounded as one says it aloud: 14 min, 3 h 57 min."""
    seconds = duration.total_seconds()
    return took(duration) if seconds < 120 or seconds > 3600 else f"{round(seconds / 60)} min"


def clock(at: datetime, now: datetime) -> str:
    """14:30 today, Mon 14:30 within six days, else 18 Nov 14:30, with the year when it is another."""
    local = at.astimezone(now.tzinfo)
    if local.date() == now.date():
        return f"{local:%H:%M}"
    if abs(local.date() - now.date()) < timedelta(days=7):
        return f"{local:%a %H:%M}"
    return f"{local.day} {local:%b %H:%M}" if local.year == now.year else f"{local.day} {local:%b %Y %H:%M}"


def until(at: datetime, now: datetime) -> str:
    """until 14:30 (in 22 min)."""
    left = at - now
    return f"until {clock(at, now)} ({f'in {about(left)}' if left > timedelta(0) else 'any moment'})"


def otherwise(context: Mapping[str, Any]) -> str:
    """What a failure of a stage with this context means for what follows."""
    if context.get("continuePipeline") in (True, "true"):
        return "the execution goes on"
    if context.get("failPipeline") in (False, "false"):
        return "this branch stops"
    return "the execution fails"


def in_words(name: str) -> str:
    """waitForUpInstances -> wait for up instances."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_-]+", " ", name).lower()


def listing(names: Sequence[str], most: int = 3) -> str:
    """Ana, Ben or 2 others."""
    shown = list(names) if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} others"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def who(judges: Judges) -> str:
    role = f"role {listing(judges.roles)}" if judges.roles else ""
    if judges.people:
        return f"{listing(judges.people)} ({role})" if role else listing(judges.people)
    if judges.includes_you:
        return f"you, or others with {role}" if role else "you, or others who may run it"
    return f"somebody with {role}" if role else "somebody who may run it"


def waiting(
    stage: StageFacts, step: StepFacts, now: datetime, judges: Judges = NOBODY_NAMED, *, is_brief: bool = False
) -> str:
    """What a stage's open step waits for. Brief: without what happens otherwise, where many stand together."""
    if stage.type_key == JUDGMENT:
        return _for_a_person(stage, step, now, judges, is_brief)
    if stage.type_key == "wait" and step.due_at:
        return f"Waiting {until(step.due_at, now)}."
    if step.status == "INTENT":
        return f"Doing it now: {step.message or in_words(step.name)}."
    what = step.waiting_for or f"the step “{in_words(step.name)}” to end"
    if step.deadline is None:
        return f"Waiting for {what}."
    said = f"Waiting for {what}, {until(step.deadline, now)}."
    return said if is_brief else f"{said} Otherwise {otherwise(stage.context)}."


def _for_a_person(stage: StageFacts, step: StepFacts, now: datetime, judges: Judges, is_brief: bool) -> str:
    start = f"Waiting for {who(judges)} to judge"
    if step.deadline is None:
        return f"{start}, as long as it takes."
    said = f"{start}, {until(step.deadline, now)}."
    return said if is_brief else f"{said} Without an answer {otherwise(stage.context)}."


def of(name: str, text: str) -> str:
    """Which stage a sentence is about: "Deploy: Waiting for …", "Go live? Waiting for …"."""
    return f"{name} {text}" if name[-1:] in "?!.:" else f"{name}: {text}"


def being_cancelled(by: str) -> str:
    return f"{by or 'Somebody'} cancelled it: what is under way is ended first."


def cancelled(by: str, reason: str) -> str:
    return f"Cancelled by {by or 'somebody'}{f': “{reason}”' if reason else ''}."


def failed(message: str, stage_name: str = "", standing: Sequence[str] = (), may_deploy: bool = False) -> str:
    """What was seen, where, what is left standing. `standing`: "v019 in eu-west-1" for each group it deployed."""
    seen = message.strip().rstrip(".") or "It failed and left no message"
    where = f" in {stage_name}" if stage_name and stage_name not in seen else ""
    if standing:
        return f"{seen}{where}. Left standing: {', '.join(standing)}."
    return f"{seen}{where}. Nothing was deployed." if may_deploy else f"{seen}{where}."


def judged(by: str, answer: str, input: str = "", reason: str = "") -> str:
    said = "go on" if answer == "continue" else "stop"
    choice = f" with {input}" if input else ""
    return f"{by} said {said}{choice}{f': “{reason}”' if reason else ''}."
