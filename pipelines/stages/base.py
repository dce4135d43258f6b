"""What all stage types share: a typed config read from pipeline JSON, and the four questions answered "nothing"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from pydantic import ValidationError

from clusters.core.values import InvalidValue
from clusters.providers.base import ProviderError
from clusters.trust.permissions import Refused
from pipelines.core.beginning import AS_THEY_ARE
from pipelines.core.config import JsonConfig, problems
from pipelines.core.plan import Child, Expressions, Json, StageView, StepFailed, StepSpec

#: What a stage of any type may carry; children get none of it, or a notification would go out once per child.
COMMON_FIELDS = frozenset(
    [
        "refId",
        "requisiteStageRefIds",
        "name",
        "type",
        "alias",
        "comments",
        "group",
        "failPipeline",
        "continuePipeline",
        "completeOtherBranchesThenFail",
        "stageEnabled",
        "restrictExecutionDuringTimeWindow",
        "restrictedExecutionWindow",
        "skipWindowText",
        "skipRemainingWait",
        "overrideTimeout",
        "stageTimeoutMs",
        "markSuccessfulOnTimeout",
        "sendNotifications",
        "notifications",
        "failOnFailedExpressions",
        "startTimeExpiry",
        "expectedArtifacts",
        "inputArtifacts",
        "requiredArtifactIds",
        "backoffPeriodMs",
        "canManuallySkip",
        "manualSkip",
    ]
)


class StageConfig(JsonConfig):
    """The typed fields of a stage: form, validation and JSON names in one."""


class BaseStage:
    """A stage type with neither children nor steps; subclasses say what differs."""

    key: ClassVar[str]
    label: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    is_restartable: ClassVar[bool] = False
    is_companion: ClassVar[bool] = False
    Config: ClassVar[type[StageConfig]] = StageConfig

    def bare_expressions(self, context: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        return ()

    def evaluated(self, context: Json, expressions: Expressions) -> Json:
        found: Json = expressions.evaluate(context, but=AS_THEY_ARE)
        return found

    def parse(self, context: Mapping[str, Any]) -> Any:
        try:
            return self.Config.model_validate(dict(context))
        except ValidationError as error:
            first = problems(error)[0]
            raise StepFailed(f"{first.path}: {first.message}", field=first.path) from None

    def before(self, config: Any, stage: StageView) -> list[Child]:
        return []

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return ()

    def after(self, config: Any, stage: StageView) -> list[Child]:
        return []

    def on_failure(self, config: Any, stage: StageView, failed_step: str) -> list[Child]:
        return []


def inherited(context: Mapping[str, Any], *but: str) -> Json:
    """The fields of a stage that its children take over: those of its type, without the ones named."""
    return {name: value for name, value in context.items() if name not in COMMON_FIELDS and name not in but}


@contextmanager
def cloud_errors(left_standing: str = "") -> Iterator[None]:
    """What the cloud or our own checks refuse becomes StepFailed; it and Refused say what remains: `left_standing`."""
    after = f" {left_standing}" if left_standing else ""
    try:
        yield
    except ProviderError as error:
        message = f"{error.message.rstrip('.')}.{after}"
        raise StepFailed(message, field=error.field, is_retryable=error.is_retryable) from error
    except Refused as error:
        raise Refused(f"{error.message}{after}") from error
    except InvalidValue as error:
        raise StepFailed(f"{error.field}: {error.message.rstrip('.')}.{after}", field=error.field) from error
