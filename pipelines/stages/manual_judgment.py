"""Waits until a person says go on or stop."""

from __future__ import annotations

from typing import Any, ClassVar

from pipelines.core.plan import Failed, Observe, Outcome, Running, StepSpec, StepView, Succeeded
from pipelines.stages.base import BaseStage, StageConfig

THREE_DAYS = 3 * 24 * 3600


class JudgmentInput(StageConfig):
    value: str


class Config(StageConfig):
    instructions: str = ""
    judgment_inputs: tuple[JudgmentInput, ...] = ()
    selected_stage_roles: tuple[str, ...] = ()
    required_judgment_roles: tuple[str, ...] = ()


def _wait_for_judgment(step: StepView, config: Config) -> Outcome:
    judgment = step.judgment
    if judgment is None:
        return Running("a person to judge", wait_key=f"judgment:{step.stage.stage_id}")
    said = {
        "judgmentStatus": judgment.answer,
        "judgmentInput": judgment.input,
        "lastModifiedBy": judgment.by,
        "judgmentReason": judgment.reason,
    }
    if judgment.answer == "continue":
        return Succeeded(context=said, outputs={"judgmentInput": judgment.input}, note=f"{judgment.by} said go on")
    because = f": {judgment.reason}" if judgment.reason else ""
    return Failed(f"{judgment.by} said stop{because}", context=said)


class ManualJudgment(BaseStage):
    key: ClassVar[str] = "manualJudgment"
    label: ClassVar[str] = "Manual judgment"
    is_restartable: ClassVar[bool] = True
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (Observe("waitForJudgment", _wait_for_judgment, timeout_seconds=THREE_DAYS),)
