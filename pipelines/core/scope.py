"""What the expressions of a stage see: its own fields, what earlier stages put out, the trigger, the whole execution.

Of equal names the stage's own wins, then the nearest ancestor's output; `execution`, `trigger`, `parameters` and
`scmInfo` are always those of the execution. Secrets are references here as everywhere: no value of one is ever in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pipelines.core.expressions import Context, Evaluation, Message, evaluate, evaluate_bare
from pipelines.core.expressions.functions import Nowhere
from pipelines.core.plan import Json
from pipelines.core.snapshot import Execution, Stage
from pipelines.core.status import Status
from pipelines.core.view import Stages, ancestors

_MAIN_BRANCHES = ("master", "main", "develop")


def context_of(execution: Execution, stages: Stages, stage: Stage | None, now: datetime) -> Context:
    """As `stage` sees it when it begins; without one, as they stand after the last."""
    whole = execution_map(execution, stages)
    root: Json = {}
    earlier = list(ancestors(stages, stage)) if stage else list(reversed(list(stages.values())))
    for one in reversed(earlier):
        root |= one.outputs
    own = stage.context if stage else {}
    root |= own
    trigger = whole["trigger"]
    root |= {
        "execution": whole,
        "trigger": trigger,
        "parameters": trigger.get("parameters") or {},
        "scmInfo": _scm(own.get("buildInfo") or trigger.get("buildInfo")),
    }
    running: Json = next((one for one in whole["stages"] if stage and one["id"] == stage.id), {})
    seed = stage.id if stage else execution.id
    return Context(root, now, whole, running, execution.directory or Nowhere(), seed)


def execution_map(execution: Execution, stages: Stages) -> Json:
    """An execution as Spinnaker's expressions know it."""
    return {
        "id": execution.id,
        "type": "PIPELINE" if execution.pipeline_id else "ORCHESTRATION",
        "application": execution.application,
        "name": execution.name,
        "pipelineConfigId": execution.pipeline_id,
        "status": execution.status.value,
        "startTime": _ms(execution.started_at),
        "endTime": _ms(execution.ended_at),
        "authentication": {"user": execution.started_by},
        "trigger": dict(execution.trigger),
        "stages": [_stage(one) for one in stages.values()],
    }


def _stage(stage: Stage) -> Json:
    return {
        "id": stage.id,
        "refId": stage.ref,
        "type": stage.type_key,
        "name": stage.name,
        "status": stage.status.value,
        "startTime": _ms(stage.started_at),
        "endTime": _ms(stage.ended_at),
        "requisiteStageRefIds": list(stage.requisites),
        "parentStageId": stage.parent_id,
        # What a stage has put out is found in its context, too.
        "context": stage.outputs | stage.context,
        "outputs": stage.outputs,
        "hasSucceeded": stage.status is Status.SUCCEEDED,
        "hasFailed": stage.status is Status.TERMINAL,
    }


def _ms(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


def _scm(build: Any) -> Any:
    """The first source that is no main branch, when there are several; else the first."""
    sources = build.get("scm") if isinstance(build, dict) else None
    if not isinstance(sources, list) or not sources:
        return None
    others = [one for one in sources if isinstance(one, dict) and one.get("branch") not in _MAIN_BRANCHES]
    return others[0] if len(sources) > 1 and others else sources[0]


class Scope:
    """Evaluates parts of one stage, in one context that is made when it is first needed; keeps what is told."""

    def __init__(self, make: Callable[[], Context]) -> None:
        self._make = make
        self._context: Context | None = None
        self.messages: list[Message] = []

    def evaluate(
        self, value: Any, *, at: str = "", but: Collection[str] = (), also: Mapping[str, Any] | None = None
    ) -> Any:
        found = evaluate(value, self._seen(at, also), but=but)
        return self._kept(found, at)

    def bare(self, expression: str, *, at: str) -> Any:
        return self._kept(evaluate_bare(expression, self._seen(at)), at)

    def told(self, at: str) -> str:
        """What was told of a path and of what is below it, in sentences; "" when nothing was."""
        return " ".join(str(message) for message in self.messages if message.path.startswith(at))

    def _seen(self, at: str, also: Mapping[str, Any] | None = None) -> Context:
        if self._context is None:
            self._context = self._make()
        context = self._context
        root = {**context.root, **also} if also else context.root
        return replace(context, root=root, seed=f"{context.seed}\n{at}")

    def _kept(self, found: Evaluation, at: str) -> Any:
        for message in found.messages:
            joint = "." if at and message.path and not message.path.startswith("[") else ""
            self.messages.append(replace(message, path=f"{at}{joint}{message.path}"))
        return found.value
