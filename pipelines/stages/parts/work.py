"""Long work of a stage: an effect submits it, a step follows it; its end wakes the step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipelines.core.plan import ABSENT, Absent, Effect, Intent, Outcome, Running, StepFailed, StepView, Succeeded
from pipelines.models import Work
from pipelines.models.work import wait_key

#: Where the stage's context keeps by which token its work is known.
TOKEN = "workToken"  # noqa: S105
#: Seconds between two looks of a step that is woken in any case.
LOOK_AGAIN = 10.0
SUBMIT = 60.0


def submission(
    name: str, kind: str, intend: Callable[[StepView, Any], Intent], check_rights: Callable[[StepView], None]
) -> Effect:
    """The effect that has a piece of work done: the intent's request, but for `outlivesStage`, is the work's.

    `check_rights` raises Refused; it is asked right before.
    """

    def perform(intent: Intent, step: StepView) -> Outcome:
        check_rights(step)
        request = dict(intent.request)
        outlives = request.pop("outlivesStage", False)
        Work.objects.submit(step.token, kind, request, stage_id=step.stage.stage_id, outlives_stage=outlives)
        return Succeeded({TOKEN: step.token})

    def find(intent: Intent, step: StepView) -> Outcome | Absent:
        return Succeeded({TOKEN: step.token}) if Work.objects.filter(token=step.token).exists() else ABSENT

    return Effect(name, intend, perform, find, timeout_seconds=SUBMIT)


def work_of(step: StepView) -> Work:
    """The work that the stage has submitted, as it stands."""
    work = Work.objects.filter(token=step.stage.context.get(TOKEN, "")).defer("log", "request").first()
    if work is None:
        raise StepFailed("There is no trace of the work any more.")
    return work


def waiting_for(work: Work, what: str) -> Running:
    return Running(what, again_in=LOOK_AGAIN, wait_key=wait_key(work.token))
