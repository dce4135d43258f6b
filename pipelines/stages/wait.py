"""Waits for a number of seconds; a person may cut the wait short."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from pipelines.core.plan import Observe, Outcome, Running, Skipped, StepSpec, StepView, Succeeded
from pipelines.stages.base import BaseStage, StageConfig


class Config(StageConfig):
    #: Seconds; ten years at most.
    wait_time: float = Field(default=0, ge=0, le=10 * 365 * 24 * 3600, allow_inf_nan=False)
    skip_wait_text: str = ""
    skip_remaining_wait: bool = False


def _wait(step: StepView, config: Config) -> Outcome:
    if step.is_skip_requested or config.skip_remaining_wait:
        return Skipped("The rest of the wait was skipped")
    until = step.started_at + timedelta(seconds=config.wait_time)
    if step.now >= until:
        return Succeeded()
    return Running("the wait to end", until=until)


class Wait(BaseStage):
    key: ClassVar[str] = "wait"
    label: ClassVar[str] = "Wait"
    is_restartable: ClassVar[bool] = True
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (Observe("wait", _wait),)
