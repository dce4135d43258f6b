"""What a stage type is shown of an execution: its own stage, and lazily the stages before and behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import overload

from pipelines.core.plan import Ancestor, StageView, StepView
from pipelines.core.snapshot import Execution, Phase, Stage, Step

Stages = Mapping[str, Stage]


class Lazily(Sequence[Ancestor]):
    """A sequence computed on first use: most stages never look at their ancestors."""

    def __init__(self, compute: Callable[[], tuple[Ancestor, ...]]) -> None:
        self._compute = compute
        self._items: tuple[Ancestor, ...] | None = None

    def _all(self) -> tuple[Ancestor, ...]:
        if self._items is None:
            self._items = self._compute()
        return self._items

    @overload
    def __getitem__(self, index: int) -> Ancestor: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Ancestor]: ...
    def __getitem__(self, index: int | slice) -> Ancestor | Sequence[Ancestor]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())


def stage_view(execution: Execution, stages: Stages, stage: Stage) -> StageView:
    return StageView(
        execution_id=execution.id,
        application=execution.application,
        stage_id=stage.id,
        ref=stage.ref,
        name=stage.name,
        attempt=stage.attempt,
        actor=execution.actor,
        context=stage.context,
        outputs=stage.outputs,
        trigger=execution.trigger,
        ancestors=Lazily(lambda: tuple(map(_shown, ancestors(stages, stage)))),
        downstream=Lazily(lambda: tuple(map(_shown, _behind(stages, stage)))),
    )


def step_view(execution: Execution, stages: Stages, step: Step, now: datetime) -> StepView:
    stage = stages[step.stage_id]
    return StepView(
        stage=stage_view(execution, stages, stage),
        name=step.name,
        token=step.token,
        now=now,
        started_at=step.started_at,
        stage_started_at=stage.started_at or step.started_at,
        tries=step.tries,
        judgment=stage.judgment,
        is_skip_requested=stage.is_skip_requested,
    )


def ancestors(stages: Stages, stage: Stage) -> Iterator[Stage]:
    """Earlier stages, nearest first, each once: own children, earlier siblings, the parent, what it rests on."""
    by_ref = {other.ref: other for other in stages.values()}
    seen = {stage.id}
    queue = [stage]
    yield from _fresh(_below(stages, stage, (Phase.BEFORE, Phase.AFTER)), seen)
    for current in queue:
        for ref in reversed(current.requisites):
            if (earlier := by_ref.get(ref)) and earlier.id not in seen:
                queue.append(earlier)
                yield from _fresh([earlier, *_below(stages, earlier)], seen)
        if current.parent_id and current.parent_id not in seen:
            parent = stages[current.parent_id]
            queue.append(parent)
            before = () if current.owner == Phase.BEFORE else (Phase.BEFORE,)
            yield from _fresh([parent, *_below(stages, parent, before)], seen)


def _fresh(found: Sequence[Stage], seen: set[str]) -> Iterator[Stage]:
    for stage in found:
        if stage.id not in seen:
            seen.add(stage.id)
            yield stage


def _below(stages: Stages, stage: Stage, owners: tuple[str, ...] | None = None) -> list[Stage]:
    """Finished children and theirs, the latest first."""
    found: list[Stage] = []
    for child in reversed(list(stages.values())):
        if child.parent_id == stage.id and child.status.is_complete and (owners is None or child.owner in owners):
            found += [child, *_below(stages, child)]
    return found


def _behind(stages: Stages, stage: Stage) -> Iterator[Stage]:
    top = stage
    while top.parent_id:
        top = stages[top.parent_id]
    reached = {top.ref}
    for other in stages.values():
        if other.parent_id is None and reached.intersection(other.requisites):
            reached.add(other.ref)
            yield other


def _shown(stage: Stage) -> Ancestor:
    return Ancestor(stage.ref, stage.type_key, stage.name, stage.status, stage.context, stage.outputs)
