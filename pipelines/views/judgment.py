"""A manual judgment as a card: what is asked, of whom, until when, what happens otherwise, or what was answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipelines.core import judging, sentences
from pipelines.forms import JudgeForm
from pipelines.models import Stage
from pipelines.queries import turn
from pipelines.queries.whole import Whole
from pipelines.views.shown import Reader, wait_sentence


@dataclass(frozen=True, slots=True)
class Card:
    stage: Stage
    instructions: str
    #: Who, until when, otherwise what; or what was answered; or why there is nothing to answer.
    sentence: str
    #: The form, when the reader may answer it now.
    form: Any
    is_open: bool


def judgment_card(whole: Whole, stage: Stage, reader: Reader, form: Any = None) -> Card:
    """`stage` with its full context."""
    instructions = str(stage.context.get("instructions") or "")
    if hasattr(stage, "judgment"):
        made = stage.judgment
        said = sentences.judged(made.by, made.answer, made.input, made.reason)
        return Card(stage, instructions, said, None, is_open=False)
    waits = next((waits for waits in whole.waiting if waits.stage.pk == stage.pk), None)
    if waits is None or whole.execution.cancel_requested_at:
        return Card(stage, instructions, f"{stage.look.word}: there is nothing to judge now.", None, is_open=False)
    application = whole.execution.application
    judges = turn.judges(reader.actor, reader.allowed, stage.context)
    said = wait_sentence(waits, reader, application, judges)
    may = reader.may_judge(stage, application)
    if may and form is None:
        form = JudgeForm(choices=judging.inputs(stage.context))
    return Card(stage, instructions, said, form if may else None, is_open=True)
