"""A stage that works in one region; asked for several, it has a child of its own type for each, in sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipelines.core.plan import (
    ABSENT,
    Absent,
    Child,
    Effect,
    Intent,
    Json,
    Outcome,
    StageView,
    StepSpec,
    StepView,
    Succeeded,
    in_sequence,
)
from pipelines.stages.base import BaseStage, cloud_errors, inherited
from pipelines.stages.parts import pace


class RegionalStage(BaseStage):
    def before(self, config: Any, stage: StageView) -> list[Child]:
        if len(config.region_names) == 1:
            return []
        fields = inherited(stage.context, "regions")
        return in_sequence(
            [Child(self.key, f"{self.label} in {name}", fields | {"region": name}) for name in config.region_names]
        )

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return self.work(config) if len(config.region_names) == 1 else ()

    def work(self, config: Any) -> tuple[StepSpec, ...]:
        raise NotImplementedError


def one_call(
    name: str,
    intend: Callable[[StepView, Any], Intent],
    act: Callable[[Json, StepView], Json],
    found: Callable[[Json], Json | None],
) -> Effect:
    """An effect of one call, which may be repeated. `act(request, step)` does it, `found(request)` tells after a crash
    whether it is done (else None); both give what is to be known of it in the stage's context.
    """

    def done(context: Json, intent: Intent) -> Succeeded:
        return Succeeded({"notification.type": name.lower()} | context, note=f"Done: {intent.summary}")

    def perform(intent: Intent, step: StepView) -> Outcome:
        with cloud_errors("Nothing else was changed."):
            return done(act(intent.request, step), intent)

    def find(intent: Intent, step: StepView) -> Outcome | Absent:
        with cloud_errors():
            context = found(intent.request)
        return ABSENT if context is None else done(context, intent)

    return Effect(name, intend, perform, find, timeout_seconds=pace.CLOUD_CALL, is_rehearsable=True)
