"""Runs a job on a Jenkins controller, follows its build, and reads what it left."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from pipelines.core.plan import Child, StageView, StepSpec
from pipelines.stages.base import BaseStage, StageConfig
from pipelines.stages.parts.jenkins import JENKINS, Asked, as_text, steps


class Config(StageConfig):
    master: str = Field(min_length=1)
    job: str = Field(min_length=1)
    parameters: dict[str, Any] = {}
    property_file: str = ""
    mark_unstable_as_successful: bool = False
    wait_for_completion: bool = True


def _ask(config: Config, stage: StageView) -> Asked:
    return Asked(
        config.master,
        config.job,
        {name: as_text(value) for name, value in config.parameters.items()},
        config.property_file,
        config.wait_for_completion,
        config.mark_unstable_as_successful,
    )


class Jenkins(BaseStage):
    key: ClassVar[str] = "jenkins"
    label: ClassVar[str] = "Jenkins"
    is_restartable: ClassVar[bool] = True
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return steps(_ask, JENKINS, waits=config.wait_for_completion, has_properties=bool(config.property_file))

    def on_failure(self, config: Any, stage: StageView, failed_step: str) -> list[Child]:
        """A build that failed may have archived its properties all the same."""
        if not config.property_file or failed_step != JENKINS.monitor or not stage.context.get("buildNumber"):
            return []
        named = {"master": config.master, "job": config.job, "propertyFile": config.property_file}
        context = named | {"buildNumber": stage.context["buildNumber"]}
        return [Child("getProperties", "Try to get properties file", context)]
