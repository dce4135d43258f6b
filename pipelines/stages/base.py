"""What stage types share: a typed config read from pipeline JSON, and the four questions answered "nothing"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from pipelines.core.plan import Child, StageView, StepFailed, StepSpec


class StageConfig(BaseModel):
    """Fields in Python's spelling, read from Spinnaker's JSON names; "3" and "true" pass, unknown fields stay."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True)


def json_path(location: tuple[int | str, ...]) -> str:
    """("clusters", 0, "capacity") -> "clusters[0].capacity"."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


class BaseStage:
    """A stage type with neither children nor steps; subclasses say what differs."""

    key: ClassVar[str]
    label: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    is_restartable: ClassVar[bool] = False
    Config: ClassVar[type[StageConfig]] = StageConfig

    def parse(self, context: Mapping[str, Any]) -> Any:
        try:
            return self.Config.model_validate(dict(context))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            path = json_path(first["loc"])
            raise StepFailed(f"{path}: {first['msg']}", field=path) from None

    def before(self, config: Any, stage: StageView) -> list[Child]:
        return []

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return ()

    def after(self, config: Any, stage: StageView) -> list[Child]:
        return []

    def on_failure(self, config: Any, stage: StageView, failed_step: str) -> list[Child]:
        return []
