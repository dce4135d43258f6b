"""Goes on only if all asked for holds: an expression, how many server groups there are, how a stage ended."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Literal

from pydantic import field_validator

from clusters import queries
from pipelines.core.beginning import AS_THEY_ARE
from pipelines.core.plan import (
    Child,
    Expressions,
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
KINDS = ("clusterSize", "expression", "stageStatus", "noop")
Kind = Literal["", "clusterSize", "expression", "stageStatus", "noop"]
FIELD = "preconditions"


class Precondition(StageConfig):
    type: str
    #: false: only this branch stops.
    fail_pipeline: bool = True
    cloud_provider: str = ""
    context: Json = {}

    @field_validator("type")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in KINDS and "${" not in kind:
            raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
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
    #: Written without ${}. What it gave, and why it gave nothing, is known since the stage began.
    expression: str = ""
    failure_message: str = ""
    expression_result: Any = None
    expression_error: str = ""

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
        case "expression":
            return _expression(config)
        case _:
            return ""


def _expression(config: Config) -> str:
    result = config.expression_result
    if result is True or result == "true":
        return ""
    shown = config.expression_error or f"it is {json.dumps(result, ensure_ascii=False)[:200]}."
    told = f"Expected {config.expression[:200]} to be true: {shown}"
    return f"{config.failure_message.rstrip('.')}. {told}" if config.failure_message else told


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

    def bare_expressions(self, context: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        for index, one in enumerate(_preconditions(context)):
            if (expression := _bare(one)) is not None:
                yield f"{FIELD}[{index}].context.expression", expression

    def evaluated(self, context: Json, expressions: Expressions) -> Json:
        found: Json = expressions.evaluate(context, but=AS_THEY_ARE | {FIELD})
        if isinstance(context.get(FIELD), list):
            found[FIELD] = [
                _evaluated(one, f"{FIELD}[{index}]", expressions) for index, one in enumerate(_preconditions(context))
            ]
        return found

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


def _preconditions(context: Mapping[str, Any]) -> list[Any]:
    found = context.get(FIELD)
    return found if isinstance(found, list) else []


def _bare(precondition: Any) -> str | None:
    """The expression of a precondition of that type."""
    if not isinstance(precondition, dict) or precondition.get("type") != "expression":
        return None
    context = precondition.get("context")
    expression = context.get("expression") if isinstance(context, dict) else None
    return expression if isinstance(expression, str) else None


def _evaluated(precondition: Any, at: str, expressions: Expressions) -> Any:
    if (expression := _bare(precondition)) is None:
        return expressions.evaluate(precondition, at=at)
    others = {name: value for name, value in precondition.items() if name != "context"}
    fields = {name: value for name, value in precondition["context"].items() if name != "expression"}
    place = f"{at}.context.expression"
    asked = {"expression": expression, "expressionResult": expressions.bare(expression, at=place)}
    if told := expressions.told(place):
        asked["expressionError"] = told
    return expressions.evaluate(others, at=at) | {"context": expressions.evaluate(fields, at=f"{at}.context") | asked}
