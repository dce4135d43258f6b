"""Gives names to values of expressions, for all later stages."""

from __future__ import annotations

from typing import Any, ClassVar

from pipelines.core.beginning import AS_THEY_ARE
from pipelines.core.plan import Expressions, Json, Observe, Outcome, StepSpec, StepView, Succeeded
from pipelines.stages.base import BaseStage, StageConfig

FIELD = "variables"


class Variable(StageConfig):
    key: str
    #: Any JSON value; a text with expressions in it as a rule.
    value: Any = None
    description: str = ""
    #: What `value` was before it was evaluated.
    source_expression: Any = None


class Config(StageConfig):
    variables: tuple[Variable, ...] = ()


def _put_out(step: StepView, config: Config) -> Outcome:
    return Succeeded(outputs={variable.key: variable.value for variable in config.variables})


class EvaluateVariables(BaseStage):
    key: ClassVar[str] = "evaluateVariables"
    label: ClassVar[str] = "Evaluate variables"
    is_restartable: ClassVar[bool] = True
    Config = Config

    def evaluated(self, context: Json, expressions: Expressions) -> Json:
        """One after another: a variable sees those before it."""
        found: Json = expressions.evaluate(context, but=AS_THEY_ARE | {FIELD})
        variables = context.get(FIELD)
        if isinstance(variables, list):
            earlier: Json = {}
            found[FIELD] = [
                _evaluated(variable, f"{FIELD}[{index}]", expressions, earlier)
                for index, variable in enumerate(variables)
            ]
        return found

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (Observe("evaluateVariables", _put_out),)


def _evaluated(variable: Any, at: str, expressions: Expressions, earlier: Json) -> Any:
    found = expressions.evaluate(variable, at=at, also=earlier)
    if isinstance(found, dict) and isinstance(found.get("key"), str):
        earlier[found["key"]] = found.get("value")
        if found.get("value") != variable.get("value"):
            found["sourceExpression"] = variable.get("value")
    return found
