"""Reads the property file that a Jenkins build has archived."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from pipelines.core.plan import StageView, StepSpec
from pipelines.stages.base import BaseStage, StageConfig
from pipelines.stages.parts.jenkins import Asked, properties_step


class Config(StageConfig):
    master: str = Field(min_length=1)
    job: str = Field(min_length=1)
    property_file: str = Field(min_length=1)
    build_number: int


def _ask(config: Config, stage: StageView) -> Asked:
    return Asked(config.master, config.job, property_file=config.property_file)


class GetProperties(BaseStage):
    key: ClassVar[str] = "getProperties"
    label: ClassVar[str] = "Get properties"
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (properties_step(_ask),)
