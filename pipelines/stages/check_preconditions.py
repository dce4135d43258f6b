"""Goes on only if everything asked for holds: how many server groups a cluster has, how an earlier stage ended."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from pydantic import field_validator

from clusters import queries
from pipelines.core.plan import (
    Child,
    Failed,
    Json,
    Observe,
    Outcome,
    StageView,
    StepFailed,
    StepSpec,
    StepView,
    Succeeded,
)
from pipelines.core.status import Status
from pipelines.stages.base import BaseStage, StageConfig, cloud_errors
from pipelines.stages.parts import pace
from pipelines.stages.parts.place import ClusterConfig

COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}
Kind = Literal["", "clusterSize", "stageStatus", "noop"]


class Precondition(StageConfig):
    type: str
    #: false: only this branch stops.
    fail_pipeline: bool = True
    cloud_provider: str = ""
    context: Json = {}

    @field_validator("type")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind == "expression":
            raise ValueError("expressions are not evaluated here yet; the stage would fail")
        if kind not in ("clusterSize", "stageStatus", "noop") and "${" not in kind:
            raise ValueError(f"{kind!r} is not clusterSize, stageStatus or noop")
        return kind


class Config(ClusterConfig):
    needs_region: ClassVar[bool] = False

    preconditions: tuple[Precondition, ...] = ()
    #: Of a child: which precondition it checks, and what its failure means. The other fields are the precondition's.
    precondition_type: Kind = ""
    precondition_fails_pipeline: bool = True
    comparison: str = "=="
    expected: int = 0
    only_enabled_server_groups: bool = False
    stage_name: str = ""
    stage_status: str = ""

    @field_validator("comparison")
    @classmethod
    def _known(cls, comparison: str) -> str:
        if comparison not in COMPARISONS and "${" not in comparison:
            raise ValueError(f"{comparison!r} is none of {' '.join(COMPARISONS)}")
        return comparison


def _check(step: StepView, config: Config) -> Outcome:
    wrong = _wrong(step, config)
    if not wrong:
        return Succeeded()
    return Failed(wrong, Status.TERMINAL if config.precondition_fails_pipeline else Status.STOPPED)


def _wrong(step: StepView, config: Config) -> str:
    match config.precondition_type:
        case "clusterSize":
            return _cluster_size(step, config)
        case "stageStatus":
            return _stage_status(step.stage, config)
        case _:
            return ""


def _cluster_size(step: StepView, config: Config) -> str:
    if not config.region_names or not config.cluster_name:
        raise StepFailed("preconditions: clusterSize needs a cluster and regions.", field="preconditions")
    for region in config.region_names:
        with cloud_errors():
            groups = queries.live_cluster(step.stage.actor, config.account_name, region, config.cluster_name)
        if config.only_enabled_server_groups:
            groups = [group for group in groups if not group.is_disabled]
        if not COMPARISONS[config.comparison](len(groups), config.expected):
            enabled = "enabled " if config.only_enabled_server_groups else ""
            names = f" ({', '.join(group.name for group in groups)})" if groups else ""
            return (
                f"Expected {config.comparison} {config.expected} {enabled}server groups of {config.cluster_name} in"
                f" {region}, found {len(groups)}{names}."
            )
    return ""


def _stage_status(stage: StageView, config: Config) -> str:
    found = next((earlier for earlier in stage.ancestors if earlier.name == config.stage_name), None)
    if found is None:
        return f"There is no stage {config.stage_name!r} before this one."
    if found.status != config.stage_status:
        return f"Expected {config.stage_name} to be {config.stage_status}, it is {found.status.value}."
    return ""


class CheckPreconditions(BaseStage):
    key: ClassVar[str] = "checkPreconditions"
    label: ClassVar[str] = "Check preconditions"
    is_restartable: ClassVar[bool] = True
    Config = Config

    def before(self, config: Any, stage: StageView) -> list[Child]:
        return [
            Child(
                self.key,
                f"Check precondition ({one.type})",
                dict(one.context)
                | {"preconditionType": one.type, "preconditionFailsPipeline": one.fail_pipeline}
                | ({"cloudProvider": one.cloud_provider} if one.cloud_provider else {}),
            )
            for one in config.preconditions
        ]

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        if not config.precondition_type:
            return ()
        return (Observe("checkPrecondition", _check, pace.PRECONDITION, is_timeout_overridable=False),)
