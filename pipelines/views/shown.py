"""What lists and pages print of an execution: its look, its sentence, its bar and why it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from clusters.trust.permissions import Actor
from pipelines.core import drawing, sentences
from pipelines.core.judging import required_roles
from pipelines.core.sentences import HOLDS, JUDGMENT, Judges
from pipelines.core.status import Look, Status
from pipelines.models import Execution, Stage
from pipelines.queries import turn, visible
from pipelines.queries.runs import PipelineRuns, Run, Waiting

YOUR_TURN = Look("Your turn", "ask", "ask")
ASKED = Look("Waiting", "ask", "ask")
CLOCK = Look("Waiting", "run", "clock")
QUEUED = Look("Queued", "idle", "clock")
CANCELLING = Look("Cancelling", "warn", "cancel")
ATTENTION = Look("Needs you", "bad", "warn")

MOST_SENTENCES = 2


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks, when, and where they may act (names of applications)."""

    actor: Actor
    now: datetime
    runnable: frozenset[str]
    #: Roles that may act; read only for the page of one execution.
    allowed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, actor: Actor, runnable: Sequence[str] | set[str]) -> Reader:
        return cls(actor, timezone.localtime(), frozenset(runnable))

    @classmethod
    def for_one(cls, actor: Actor, application_name: str) -> Reader:
        """For the page of one execution; one query."""
        allowed = visible.roles_that_execute(application_name)
        may = actor.is_superuser or not actor.roles.isdisjoint(allowed)
        return cls(actor, timezone.localtime(), frozenset([application_name] if may else []), allowed)

    def may_judge(self, stage: Stage, application: str) -> bool:
        return application in self.runnable and turn.may_answer(self.actor, stage.context)


@dataclass(frozen=True, slots=True)
class Row:
    execution: Execution
    look: Look
    sentence: str
    bar: list[drawing.Segment]
    bar_words: str
    reason: str
    details: str
    took: timedelta | None
    #: What the reader can do about it at once: ("judge" or "skip", ref), else None.
    offer: tuple[str, str] | None
    can_execute: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A pipeline's card; `pipeline` None: operations outside of pipelines."""

    pipeline: Any
    rows: list[Row]
    spark: list[drawing.Bar]
    spark_words: str
    starts: str


def group(found: PipelineRuns, reader: Reader) -> Group:
    rows = [row(run, reader, found.usual) for run in found.runs]
    rows.sort(key=lambda row: (row.look is not YOUR_TURN, row.execution.is_complete))  # stable: newest first within
    results = list(reversed(found.results))
    spark = drawing.spark([(_took(execution, reader.now) or timedelta(), execution.look.tone) for execution in results])
    good = sum(execution.status == Status.SUCCEEDED for execution in results)
    words = f"{good} of the last {len(results)} succeeded" if results else ""
    if words and found.usual:
        words += f", usually {sentences.about(found.usual)}"
    return Group(found.pipeline, rows, spark, words, starts_on(getattr(found.pipeline, "triggers", None)))


def row(run: Run, reader: Reader, usually: timedelta | None = None) -> Row:
    execution = run.execution
    can_execute = execution.application in reader.runnable
    offer = next(filter(None, (_offer(waits, execution, reader) for waits in run.waiting)), None)
    reason, details = why(execution)
    return Row(
        execution,
        look(execution, run.waiting, reader),
        sentence(execution, run.stages, run.waiting, reader),
        bar(run.stages, execution, reader, usually),
        bar_words(run.stages),
        reason,
        details,
        _took(execution, reader.now),
        None if execution.cancel_requested_at else offer,
        can_execute,
    )


def look(execution: Execution, waiting: Sequence[Waiting], reader: Reader) -> Look:
    """The status, made more exact by what it waits for."""
    if execution.is_complete or execution.status == Status.PAUSED:
        return execution.look
    if execution.attention_reason:
        return ATTENTION
    if execution.cancel_requested_at:
        return CANCELLING
    if execution.status == Status.NOT_STARTED:
        return QUEUED
    asked = [waits.stage for waits in waiting if waits.asks]
    if any(reader.may_judge(stage, execution.application) for stage in asked):
        return YOUR_TURN
    if waiting and all(waits.asks or waits.stage.type_key == "wait" for waits in waiting):
        return ASKED if asked else CLOCK
    return execution.look


def stage_look(stage: Stage, waiting: Sequence[Waiting], reader: Reader, application: str) -> Look:
    """The same for one stage; `waiting` is what is open in it and below it."""
    if stage.status != Status.RUNNING:
        return stage.look
    asked = [waits.stage for waits in waiting if waits.asks]
    if asked:
        return YOUR_TURN if any(reader.may_judge(one, application) for one in asked) else ASKED
    if waiting and all(waits.asks or waits.stage.type_key == "wait" for waits in waiting):
        return CLOCK
    return stage.look


def sentence(execution: Execution, stages: Sequence[Stage], waiting: Sequence[Waiting], reader: Reader) -> str:
    """What an execution waits for, or how it ended when that was not well; "" when there is nothing to say."""
    if execution.is_complete:
        return ended(execution, stages)
    if execution.attention_reason:
        return execution.attention_reason
    if execution.cancel_requested_at:
        return sentences.being_cancelled(execution.cancelled_by)
    if execution.status == Status.NOT_STARTED:
        return execution.message or "Waiting for a worker to take it up."
    ordered = sorted(waiting, key=lambda waits: not waits.asks)
    is_brief = len(ordered) > 1
    said = [wait_sentence(waits, reader, execution.application, is_brief=is_brief) for waits in ordered]
    if is_brief:
        said = [sentences.of(waits.top.name, text) for waits, text in zip(ordered, said, strict=True)]
    if len(said) > MOST_SENTENCES:
        return f"{' '.join(said[:MOST_SENTENCES])} And {len(said) - MOST_SENTENCES} more."
    return " ".join(said) or "Waiting for a worker to take the next step."


def wait_sentence(
    waits: Waiting, reader: Reader, application: str, judges: Judges | None = None, *, is_brief: bool = False
) -> str:
    if hasattr(waits.stage, "judgment"):
        made = waits.stage.judgment
        return sentences.judged(made.by, made.answer, made.input, made.reason)
    if judges is None:
        roles = required_roles(waits.stage.context)
        judges = Judges(roles=roles, includes_you=reader.may_judge(waits.stage, application))
    # Parts of a stage leave what a failure means to the stage at the top.
    facts = Stage(type_key=waits.stage.type_key, name=waits.stage.name, context=waits.top.context)
    return sentences.waiting(facts, waits.step, reader.now, judges, is_brief=is_brief)


def ended(
    execution: Execution, stages: Sequence[Stage], standing: Sequence[str] = (), *, may_deploy: bool = False
) -> str:
    if execution.status == Status.CANCELED:
        return sentences.cancelled(execution.cancelled_by, execution.cancel_reason)
    if execution.status == Status.SUCCEEDED:
        return ""
    broken = next((stage for stage in stages if stage.status in (Status.TERMINAL, Status.STOPPED)), None)
    message = (broken.message if broken else "") or execution.message
    return sentences.failed(message, broken.name if broken else "", standing, may_deploy)


def bar(
    stages: Sequence[Stage], execution: Execution, reader: Reader, usually: timedelta | None
) -> list[drawing.Segment]:
    pieces = [piece(stage, reader.now) for stage in stages if stage.started_at]
    if execution.is_complete or not stages:
        return drawing.stage_bar(pieces)
    todo = sum(stage.started_at is None for stage in stages)
    to_come = todo / len(stages)
    if usually and execution.started_at and todo:
        left = usually - (reader.now - execution.started_at)
        to_come = max(left / usually, 0.08)
    return drawing.stage_bar(pieces, to_come)


def piece(stage: Stage, now: datetime) -> drawing.Piece:
    assert stage.started_at is not None
    is_hold = stage.type_key in HOLDS and stage.look.tone in ("run", "good", "idle")
    tone = "ask" if stage.type_key == JUDGMENT and stage.look.tone in ("run", "good") else stage.look.tone
    return drawing.Piece(stage.ref, title(stage, now), tone, stage.started_at, stage.ended_at or now, is_hold)


def title(stage: Stage, now: datetime) -> str:
    """Smoke tests, failed after 44 s."""
    if stage.started_at is None:
        return f"{stage.name}, {stage.look.word.lower()}"
    time = sentences.took((stage.ended_at or now) - stage.started_at)
    joint = "after" if stage.ended_at else "for"
    return f"{stage.name}, {stage.look.word.lower()} {joint} {time}"


def bar_words(stages: Sequence[Stage]) -> str:
    """5 of 9 stages ended; Smoke tests failed."""
    done = sum(Status(stage.status).is_complete for stage in stages)
    bad = [f"{stage.name} {stage.look.word.lower()}" for stage in stages if stage.look.tone in ("bad", "warn")]
    return "; ".join([f"{done} of {len(stages)} stages ended", *bad])


def why(execution: Any) -> tuple[str, str]:
    """(what started it, what is known about that): ("Build #418", "main 7d41f0c"). Of a row from runs.listed()."""
    kind, who = execution.trigger_type or "manual", execution.started_by
    parameters = execution.parameters if isinstance(execution.parameters, dict) else {}
    given = " ".join(f"{name}={value}" for name, value in list(parameters.items())[:4])
    source = " ".join(filter(None, (execution.branch, (execution.commit or "")[:7])))
    if execution.build_number:
        return f"Build #{execution.build_number}", " ".join(filter(None, (source, given)))
    if kind == "manual":
        return who, " ".join(filter(None, ("by hand", given)))
    return f"{sentences.in_words(kind).capitalize()}", " ".join(filter(None, (source, f"as {who}", given)))


def starts_on(triggers: Any) -> str:
    """What starts a pipeline by itself, from its triggers."""
    live = (
        [one for one in triggers if isinstance(one, dict) and one.get("enabled")] if isinstance(triggers, list) else []
    )
    if not live:
        return "Starts by hand"
    first = live[0]
    facts = [
        str(first[key]) for key in ("master", "job", "cronExpression", "source", "slug", "branch") if first.get(key)
    ]
    more = f" and {len(live) - 1} more" if len(live) > 1 else ""
    return f"Starts on {sentences.in_words(str(first.get('type', 'trigger')))} {' / '.join(facts)}".rstrip() + more


def _offer(waits: Waiting, execution: Execution, reader: Reader) -> tuple[str, str] | None:
    if execution.application not in reader.runnable:
        return None
    if waits.asks and turn.may_answer(reader.actor, waits.stage.context):
        return "judge", waits.stage.ref
    return ("skip", waits.stage.ref) if waits.stage.type_key == "wait" else None


def _took(execution: Execution, now: datetime) -> timedelta | None:
    return (execution.ended_at or now) - execution.started_at if execution.started_at else None
