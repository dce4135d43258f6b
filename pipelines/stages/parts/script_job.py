"""Spinnaker's form of a script: a Jenkins job that gets what to run as parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.core.plan import Json, StageView
from pipelines.stages.parts.jenkins import Asked, as_text

#: The job's parameters by the stage's fields.
PARAMETERS = {
    "scriptPath": "SCRIPT_PATH",
    "command": "COMMAND",
    "image": "IMAGE_ID",
    "region": "REGION_PARAM",
    "account": "ENV_PARAM",
    "cluster": "CLUSTER_PARAM",
    "cmc": "CMC",
}
#: Sent only when they are set.
_OPTIONAL = {"repoUrl": "REPO_URL", "repoBranch": "REPO_BRANCH"}
#: What a strategy's script takes from the deployment that runs it, by its own fields.
_FROM_STRATEGY = {
    "image": ("imageId", "amiName"),
    "cluster": ("cluster",),
    "account": ("credentials",),
    "region": ("region",),
}


def is_job(fields: Mapping[str, Any]) -> bool:
    """True when a script stage names the job that is to run it."""
    return bool(fields.get("master")) and bool(fields.get("job"))


def asked(fields: Mapping[str, Any], stage: StageView) -> Asked:
    """`fields` are the stage's own, by their JSON names."""
    filled = _filled(fields, stage)
    parameters = {name: as_text(filled.get(key) or "") for key, name in PARAMETERS.items()}
    parameters |= {name: as_text(filled[key]) for key, name in _OPTIONAL.items() if filled.get(key)}
    return Asked(
        str(fields["master"]),
        str(fields["job"]),
        parameters,
        str(fields.get("propertyFile") or ""),
        fields.get("waitForCompletion") not in (False, "false"),
        fields.get("markUnstableAsSuccessful") in (True, "true"),
    )


def _filled(fields: Mapping[str, Any], stage: StageView) -> Json:
    given = stage.trigger.get("parameters")
    filled = dict(fields)
    if isinstance(given, Mapping) and given.get("strategy") in (True, "true"):
        for key, sources in _FROM_STRATEGY.items():
            filled[key] = fields.get(key) or next((given[name] for name in sources if given.get(name)), None)
    return filled
