"""Words and pictures for steps, events and what stages leave behind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django import template
from django.utils.safestring import SafeString

from clusters.templatetags.look import status
from pipelines.core import sentences
from pipelines.core.snapshot import StepStatus
from pipelines.core.status import TABLE, Look, Status
from pipelines.models import Event, Stage, Step

register = template.Library()

_STEPS = {
    StepStatus.PENDING: Look("To come", "idle", "todo"),
    StepStatus.RUNNING: Look("Running", "run", "run"),
    StepStatus.INTENT: Look("Doing it", "run", "run"),
    StepStatus.STOPPING: Look("Calling it off", "warn", "cancel"),
    StepStatus.DONE: Look("Done", "good", "ok"),
    StepStatus.FAILED: Look("Failed", "bad", "fail"),
    StepStatus.SKIPPED: Look("Skipped", "idle", "skip"),
    StepStatus.CANCELED: Look("Cancelled", "idle", "cancel"),
}
#: What people said to an execution: (what the event says, its look).
_SAID = {
    "cancel": ("{by} asked to cancel", Look("", "warn", "cancel")),
    "judgment": ("{by} judged {ref}", Look("", "ask", "ask")),
    "skip": ("{by} skipped the wait of {ref}", Look("", "idle", "skip")),
    "restart": ("{by} restarted {ref}", Look("", "run", "back")),
    "attention": ("{by} let it be tried again", Look("", "run", "back")),
}
_NEUTRAL = Look("", "idle", "todo")
#: Of something that began, long ago perhaps: nothing turns.
_BEGAN = Look("Begun", "run", "arrow")

register.filter("in_words", sentences.in_words)


@register.simple_tag
def step_status(step: Step) -> SafeString:
    return status(_STEPS[StepStatus(step.status)])


@register.filter
def lasted(row: Step | Stage) -> timedelta | None:
    """From start to end; None while it goes on."""
    return row.ended_at - row.started_at if row.started_at and row.ended_at else None


@register.simple_tag
def event_look(event: Event) -> Look:
    if event.kind in _SAID:
        return _SAID[event.kind][1]
    if event.status == Status.RUNNING:
        return _BEGAN
    if event.kind == "step":
        return _STEPS.get(StepStatus(event.status), _NEUTRAL) if event.status in list(StepStatus) else _NEUTRAL
    return TABLE[Status(event.status)] if event.status in list(Status) else _NEUTRAL


@register.simple_tag
def event_words(event: Event, names: Mapping[str, str]) -> str:
    """Bake: succeeded; Deploy, wait for up instances: done; Ben judged Go live?. `names`: of stages by ref."""
    name = names.get(event.ref, f"stage {event.ref}")
    if event.kind in _SAID:
        return _SAID[event.kind][0].format(by=event.actor or "Somebody", ref=name)
    word = (event_look(event).word or event.status).lower()
    if event.kind == "step":
        return f"{name}, {sentences.in_words(event.step)}: {word}"
    return sentences.of(name, word) if event.kind == "stage" else f"Execution {word}"


@register.filter
def images(stage: Stage) -> list[tuple[str, str]]:
    """(region, image) of what a bake made."""
    made = stage.outputs.get("deploymentDetails") if isinstance(stage.outputs, dict) else None
    made = [one for one in made if isinstance(one, dict)] if isinstance(made, list) else []
    return [(str(one.get("region", "Image")), str(one.get("ami") or one.get("imageId") or "")) for one in made]
