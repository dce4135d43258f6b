"""The functions, #name(…): conversions, JSON and YAML, and questions about the execution.

None of them looks at the world: what they tell was known before the evaluation began.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pipelines.core.definition import parse_json
from pipelines.core.expressions import yaml_values
from pipelines.core.expressions.classes import parse_real, parse_truth, parse_whole
from pipelines.core.expressions.errors import ExpressionError
from pipelines.core.expressions.limits import Budget, text_of_size
from pipelines.core.expressions.methods import text
from pipelines.core.expressions.values import is_list, json_text, kind

Json = dict[str, Any]
MOST_JSON = 64 * 1024


class Directory(Protocol):
    """What is known beside the execution, as far as who it acts as may see it."""

    def pipeline_id(self, application: str, name: str) -> str | None: ...
    def application(self, name: str) -> Mapping[str, Any] | None: ...


class Nowhere:
    """Nothing is known."""

    def pipeline_id(self, application: str, name: str) -> str | None:
        return None

    def application(self, name: str) -> Mapping[str, Any] | None:
        return None


@dataclass(frozen=True, slots=True)
class Context:
    """What expressions see. `root` is the map that bare names are keys of; `execution` is {} outside of one.

    `stage` is the one that runs. `now` is what "now" means, and `seed` what all that is random follows from: the same
    context gives the same values.
    """

    root: Json
    now: datetime
    execution: Mapping[str, Any] = field(default_factory=dict)
    stage: Mapping[str, Any] = field(default_factory=dict)
    directory: Directory = field(default_factory=Nowhere)
    seed: str = ""

    @property
    def stages(self) -> list[Json]:
        found: list[Json] = self.execution.get("stages") or []
        return found


Function = Callable[[Context, Budget, list[Any]], Any]


def _of(change: Callable[[Budget, Any], Any]) -> Function:
    """A function of one value alone."""

    def function(known: Context, budget: Budget, given: list[Any]) -> Any:
        return change(budget, _one(given))

    return function


def _one(given: list[Any]) -> Any:
    if len(given) != 1:
        raise ExpressionError(f"It takes one argument, not {len(given)}.")
    return given[0]


# conversions


def _alphanumerical(budget: Budget, value: Any) -> str:
    budget.spend_text(text(value))
    return re.sub("[^A-Za-z0-9]", "", value)


def _to_json(budget: Budget, value: Any) -> str:
    written = json_text(value, budget)
    if "${" in written:
        raise ExpressionError("The result of #toJson holds an expression, ${…}, which it may not.")
    return written


def _to_base64(budget: Budget, value: Any) -> str:
    budget.spend_text(text(value))
    return text_of_size(base64.b64encode(value.encode()).decode())


def _from_base64(budget: Budget, value: Any) -> str:
    budget.spend_text(text(value))
    try:
        decoded = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        raise ExpressionError("It is no text in base 64.") from None
    return yaml_values.storable(decoded)


def _read_json(budget: Budget, value: Any) -> Any:
    budget.spend(1 + len(text(value)) // 32)
    if len(value) > MOST_JSON:
        raise ExpressionError(f"JSON may have {MOST_JSON} characters at most here.")
    try:
        found = parse_json(value)
    except ValueError as error:
        raise ExpressionError(str(error)) from None
    if not isinstance(found, (dict, list)):
        raise ExpressionError(f"The JSON is {kind(found)}, neither a map nor a list.")
    return found


def _not_evaluated(budget: Budget, value: Any) -> Any:
    return value


def _no_calls(known: Context, budget: Budget, given: list[Any]) -> Any:
    raise ExpressionError("An expression calls no address here: use a webhook stage, and its answer by an expression.")


# the execution


def _stage(known: Context, budget: Budget, given: list[Any]) -> Json:
    wanted = _one(given)
    for stage in known.stages:
        budget.spend()
        if wanted is not None and wanted in (stage.get("name"), stage.get("id")):
            return stage
    names = [stage.get("name", "") for stage in known.stages]
    raise ExpressionError(f"There is no stage {str(wanted)[:60]!r}.", available=names)


def _stage_by_ref_id(known: Context, budget: Budget, given: list[Any]) -> Json:
    wanted = _one(given)
    for stage in known.stages:
        budget.spend()
        if wanted is not None and str(stage.get("refId")) == str(wanted):
            return stage
    refs = [str(stage.get("refId")) for stage in known.stages]
    raise ExpressionError(f"There is no stage with refId {str(wanted)[:60]!r}.", available=refs)


def _stage_exists(known: Context, budget: Budget, given: list[Any]) -> bool:
    wanted = _one(given)
    budget.spend(1 + len(known.stages))
    return any(wanted in (stage.get("name"), stage.get("id")) for stage in known.stages)


def _current_stage(known: Context, budget: Budget, given: list[Any]) -> Json:
    if not known.stage:
        raise ExpressionError("No stage runs here.")
    return dict(known.stage)


def _current_user(known: Context, budget: Budget, given: list[Any]) -> str:
    return str((known.execution.get("authentication") or {}).get("user") or "anonymous")


def _judgment(known: Context, budget: Budget, given: list[Any]) -> Any:
    wanted = _one(given)
    judgments = [stage for stage in known.stages if stage.get("type") == "manualJudgment"]
    budget.spend(1 + len(judgments))
    for stage in judgments:
        if stage.get("name") == wanted and (picked := stage["context"].get("judgmentInput")) is not None:
            return picked
    names = [stage.get("name", "") for stage in judgments]
    raise ExpressionError(f"There is no manual judgment {str(wanted)[:60]!r} with an input picked.", available=names)


_DEPLOYS = ("deploy", "createServerGroup", "cloneServerGroup", "rollingPush")


def _deployed_server_groups(known: Context, budget: Budget, given: list[Any]) -> list[Json]:
    names = [one for item in given for one in (item if is_list(item) else [item])]
    deployed: dict[tuple[Any, ...], Json] = {}
    for stage in known.stages:
        budget.spend()
        is_asked = not names or stage.get("name") in names or stage.get("id") in names
        if is_asked and stage.get("type") in _DEPLOYS and stage.get("status") == "SUCCEEDED":
            for one in _deployed(known, stage, budget):
                deployed.setdefault((one["account"], one["region"], one["serverGroup"]), one)
    if not deployed:
        raise ExpressionError("No server group has been deployed yet.")
    return list(deployed.values())


def _deployed(known: Context, stage: Json, budget: Budget) -> Iterator[Json]:
    context = stage.get("context") or {}
    details = known.root.get("deploymentDetails") or context.get("deploymentDetails") or ()
    for region, groups in (context.get("deploy.server.groups") or {}).items():
        found = [one for one in details if isinstance(one, dict) and one.get("region") == region]
        for name in groups:
            budget.spend(1 + len(details))
            yield (found[0] if found else {}) | {
                "account": context.get("deploy.account.name") or context.get("account"),
                "capacity": context.get("capacity"),
                "parentStage": stage.get("parentStageId"),
                "region": region,
                "serverGroup": name,
                "deployments": [{"serverGroupName": name}],
            }


# the directory


def _pipeline_id(known: Context, budget: Budget, given: list[Any]) -> str:
    found = _pipeline_id_or_null(known, budget, given)
    if found is None:
        raise ExpressionError(f"Application {known.execution.get('application')} has no pipeline {given[0]!r}.")
    return found


def _pipeline_id_or_null(known: Context, budget: Budget, given: list[Any]) -> str | None:
    budget.spend(_LOOK)
    return known.directory.pipeline_id(str(known.execution.get("application")), text(_one(given)))


def _pipeline_id_in_application(known: Context, budget: Budget, given: list[Any]) -> str | None:
    if len(given) != 2:
        raise ExpressionError("It takes a pipeline's name and an application's.")
    budget.spend(_LOOK)
    return known.directory.pipeline_id(text(given[1]), text(given[0]))


def _application_metadata(known: Context, budget: Budget, given: list[Any]) -> Json:
    budget.spend(_LOOK)
    found = known.directory.application(text(_one(given)))
    if found is None:
        raise ExpressionError(f"There is no application {given[0][:60]!r} here.")
    return dict(found)


#: Steps of a look into the directory.
_LOOK = 500


# artifacts


def _artifacts(known: Context) -> list[Json]:
    return [one for one in (known.execution.get("trigger") or {}).get("artifacts") or () if isinstance(one, dict)]


def _trigger_artifact(key: str) -> Function:
    def function(known: Context, budget: Budget, given: list[Any]) -> Json:
        wanted = _one(given)
        artifacts = _artifacts(known)
        budget.spend(1 + len(artifacts))
        for artifact in artifacts:
            if artifact.get(key) == wanted:
                return artifact
        known_ones = [str(artifact.get(key)) for artifact in artifacts]
        raise ExpressionError(f"The trigger has no artifact with the {key} {str(wanted)[:60]!r}.", available=known_ones)

    return function


def _resolved_artifacts(known: Context, budget: Budget, given: list[Any]) -> list[Json]:
    return _artifacts(known)


def _elsewhere(what: str) -> Function:
    def function(known: Context, budget: Budget, given: list[Any]) -> Any:
        raise ExpressionError(f"There are no {what} here.")

    return function


FUNCTIONS: dict[str, Function] = {
    "alphanumerical": _of(_alphanumerical),
    "applicationMetadata": _application_metadata,
    "canaryConfigNameToId": _elsewhere("canary configurations"),
    "cfServiceKey": _elsewhere("Cloud Foundry services"),
    "currentStage": _current_stage,
    "currentUser": _current_user,
    "deployedServerGroups": _deployed_server_groups,
    "doNotEval": _of(_not_evaluated),
    "fetchReference": _elsewhere("artifacts to fetch"),
    "fromBase64": _of(_from_base64),
    "fromUrl": _no_calls,
    "jsonFromUrl": _no_calls,
    "judgement": _judgment,
    "judgment": _judgment,
    "manifestLabelValue": _elsewhere("Kubernetes manifests"),
    "pipelineId": _pipeline_id,
    "pipelineIdInApplication": _pipeline_id_in_application,
    "pipelineIdOrNull": _pipeline_id_or_null,
    "propertiesFromUrl": _no_calls,
    "readAllYaml": _of(yaml_values.read_all_yaml),
    "readJson": _of(_read_json),
    "readYaml": _of(yaml_values.read_yaml),
    "resolvedArtifacts": _resolved_artifacts,
    "stage": _stage,
    "stageByRefId": _stage_by_ref_id,
    "stageExists": _stage_exists,
    "toBase64": _of(_to_base64),
    "toBoolean": _of(parse_truth),
    "toFloat": _of(parse_real),
    "toInt": _of(parse_whole),
    "toJson": _of(_to_json),
    "triggerResolvedArtifact": _trigger_artifact("name"),
    "triggerResolvedArtifactByType": _trigger_artifact("type"),
    "yamlFromUrl": _no_calls,
}
