"""One execution: where it is, what it waits for, and what each stage did."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.template.loader import select_template
from django.views.decorators.http import require_safe

from clusters.trust.redaction import masked
from clusters.trust.requests import Request
from pipelines.core.beginning import Pair, pairs, unresolved
from pipelines.core.sentences import JUDGMENT
from pipelines.core.status import Look, Status
from pipelines.engine.steps import CLAIM
from pipelines.models import Event, Execution, Stage
from pipelines.queries import whole as queries
from pipelines.queries.whole import Whole
from pipelines.stages import find as find_type
from pipelines.views import shown
from pipelines.views.drawn import execution_graph
from pipelines.views.judgment import judgment_card
from pipelines.views.parts import answer, execution_or_404

TABS = {"steps": "Steps", "context": "Context", "events": "Events"}
NEWEST_EVENTS = 10
MOST_JUDGMENTS = 3
MOST_MESSAGES = 5


@require_safe
def execution(request: Request, ulid: str) -> HttpResponse:
    found = execution_or_404(request.actor, ulid)
    reader = shown.Reader.for_one(request.actor, found.application)
    whole = queries.whole(found)
    picked = _picked(request, whole, reader)
    asked = sorted(whole.judgments, key=lambda stage: not reader.may_judge(stage, found.application))[:MOST_JUDGMENTS]
    parts = whole.below(picked) if picked else []
    queries.contexts([*parts, *asked])
    events = queries.events(found)
    context = {
        "execution": found,
        "url": request.get_full_path(),
        "can_execute": found.application in reader.runnable,
        "look": shown.look(found, whole.waiting, reader),
        **_head(found, whole, reader),
        "graph": execution_graph(whole, reader, picked, "?stage="),
        "counts": _counts(whole.tops, found.is_complete),
        "cards": [judgment_card(whole, stage, reader) for stage in asked],
        "is_asked_first": bool(asked) and "stage" not in request.GET,
        "names": {stage.ref: stage.name for stage in whole.rows},
        "newest": events[:NEWEST_EVENTS],
        "event_count": len(events),
    }
    if picked:
        context |= _panel(request, whole, picked, parts, reader, events)
    fragments = {f"execution-{found.ulid}": "pipelines/_execution.html"}
    if work := context.get("work"):
        fragments[f"work-{work.token}"] = "pipelines/_work.html"
    return answer(request, "pipelines/execution_detail.html", context, parts=fragments)


def _picked(request: Request, whole: Whole, reader: shown.Reader) -> Stage | None:
    """The stage asked for; else the reader's judgment, what runs, what failed, the last."""
    if ref := request.GET.get("stage", ""):
        attempts = whole.attempts(ref)
        wanted = request.GET.get("attempt", "")
        older = (stage for stage in attempts if str(stage.attempt) == wanted)
        if stage := next(older, attempts[0] if attempts else None):
            return stage
    tops = whole.tops
    mine = [stage for stage in whole.judgments if reader.may_judge(stage, whole.execution.application)]
    running = [stage for stage in tops if stage.status == Status.RUNNING]
    broken = [stage for stage in tops if stage.look.tone == "bad"]
    return next(iter([*mine, *running, *broken, *reversed(tops)]), None)


def _head(execution: Execution, whole: Whole, reader: shown.Reader) -> dict[str, Any]:
    usual = queries.usual(execution)
    standing = [f"{name} in {region}" for region, name in whole.deployed()]
    may_deploy = any(stage.type_key == "deploy" for stage in whole.tops)
    if execution.is_complete:
        said = shown.ended(execution, whole.tops, standing, may_deploy=may_deploy)
    else:
        said = shown.sentence(execution, whole.tops, whole.waiting, reader)
    parameters = execution.trigger.get("parameters")
    return {
        "usual": usual,
        "sentence": said,
        "bar": shown.bar(whole.tops, execution, reader, usual),
        "bar_words": shown.bar_words(whole.tops),
        "parameters": masked(parameters) if isinstance(parameters, dict) else {},
        "trigger": execution.trigger,
        "expected_end": execution.started_at + usual if usual and execution.started_at else None,
    }


def _panel(
    request: Request, whole: Whole, picked: Stage, parts: list[Stage], reader: shown.Reader, events: list[Event]
) -> dict[str, Any]:
    tab = request.GET.get("tab", "")
    waiting = whole.waiting_below(picked)
    attempts = whole.attempts(picked.ref)
    is_judged = picked.type_key == JUDGMENT and hasattr(picked, "judgment")
    return {
        "stage": picked,
        "stage_look": shown.stage_look(picked, waiting, reader, whole.execution.application),
        # A question stands in its own card.
        "stage_sentences": [
            shown.wait_sentence(waits, reader, whole.execution.application) for waits in waiting if not waits.asks
        ],
        "panel": _panel_template(picked.type_key),
        "work": queries.work(picked),
        "parts": [_part(whole, part, reader) for part in parts[1:]],
        "steps": whole.steps.get(picked.id, []),
        "deployed": whole.deployed(picked),
        "attempts": attempts if len(attempts) > 1 else [],
        "can_restart": _can_restart(whole.execution, picked),
        "can_skip": picked.type_key == "wait" and picked.status == Status.RUNNING and not picked.is_skip_requested,
        "can_take_over": any(waits.step.wait_key.startswith(f"{CLAIM}:") for waits in waiting),
        "card_of_stage": judgment_card(whole, picked, reader) if is_judged else None,
        "tab": tab if tab in TABS else "steps",
        "tabs": [(key, word, _address(picked, key)) for key, word in TABS.items()],
        "context_text": _json(picked.context) if tab == "context" else "",
        "expressions": _expressions(whole.execution, picked) if tab == "context" else [],
        "unresolved": masked(unresolved(picked.context))[:MOST_MESSAGES],
        "outputs_text": _json(picked.outputs) if tab == "context" and picked.outputs else "",
        "stage_events": [event for event in events if event.ref in {part.ref for part in parts}],
    }


def _expressions(execution: Execution, stage: Stage) -> list[tuple[Pair, str]]:
    """Texts with expressions as they stand in the pipeline, and what became of them when the stage began."""
    if stage.parent_id is not None or not stage.started_at:
        return []
    written: dict[str, Any] = next(
        (one for one in execution.spec.get("stages", ()) if str(one.get("refId")) == stage.ref), {}
    )
    found = pairs(masked(written), masked(stage.context))
    return [(pair, json.dumps(pair.value, indent=2, ensure_ascii=False)) for pair in found]


def _part(whole: Whole, part: Stage, reader: shown.Reader) -> tuple[Stage, int, Look]:
    """(stage, how deep it lies, how it looks)."""
    depth = part.ref.count("<") + part.ref.count(">")
    return part, depth, shown.stage_look(part, whole.waiting_below(part), reader, whole.execution.application)


def _can_restart(execution: Execution, stage: Stage) -> bool:
    return (
        execution.is_complete
        and stage.parent_id is None
        and getattr(find_type(stage.type_key), "is_restartable", False)
    )


def _address(stage: Stage, tab: str) -> str:
    return f"?{urlencode({'stage': stage.ref, 'attempt': stage.attempt, 'tab': tab})}#stage"


def _panel_template(type_key: str) -> Any:
    """templates/pipelines/stages/<type>.html, or the generic one."""
    names = [f"pipelines/stages/{type_key}.html"] if re.fullmatch(r"[A-Za-z0-9]{1,60}", type_key) else []
    return select_template([*names, "pipelines/stages/generic.html"])


def _counts(tops: list[Stage], is_complete: bool) -> str:
    done = sum(Status(stage.status).is_complete for stage in tops)
    running = sum(stage.status == Status.RUNNING for stage in tops)
    to_come = len(tops) - done - running
    return ", ".join(
        f"{count} {word}"
        for count, word in (
            (done, "done"),
            (running, "running"),
            (to_come, "not reached" if is_complete else "to come"),
        )
        if count
    )


def _json(value: Any) -> str:
    return json.dumps(masked(value), indent=2, ensure_ascii=False)
