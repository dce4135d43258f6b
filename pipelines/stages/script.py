"""Runs a command on a worker, kept from everything that is ours, or as the Jenkins job that is named."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from clusters.operations.places import require_execute
from clusters.trust import audit
from clusters.trust.permissions import require_granted
from pipelines.core import properties
from pipelines.core.plan import (
    Failed,
    Intent,
    Json,
    Observe,
    Outcome,
    StageView,
    StepFailed,
    StepSpec,
    StepView,
    Succeeded,
)
from pipelines.stages.base import BaseStage, StageConfig
from pipelines.stages.parts import pace
from pipelines.stages.parts.jenkins import SCRIPT, Asked, as_text
from pipelines.stages.parts.jenkins import steps as jenkins_steps
from pipelines.stages.parts.work import submission, waiting_for, work_of

MOST_SECONDS = 24 * 3600
#: Variables reach the script in one text, which the kernel limits.
LARGEST_ENVIRONMENT = 64 * 1024
LARGEST_COMMAND = 256 * 1024

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class Config(StageConfig):
    """Without `master` and `job` the command runs here; `environment` and `timeout` (seconds) are ours."""

    command: str = Field(min_length=1, max_length=LARGEST_COMMAND)
    environment: dict[str, str] = {}
    timeout: float = Field(default=600, gt=0, le=MOST_SECONDS, allow_inf_nan=False)
    property_file: str = ""
    wait_for_completion: bool = True
    #: Those of Spinnaker's form, which runs as a Jenkins job.
    master: str = ""
    job: str = Field(default="", validate_default=True)
    script_path: str = ""
    repo_url: str = ""
    repo_branch: str = ""
    image: str = ""
    account: str = ""
    region: str = ""
    cluster: str = ""
    cmc: str = ""

    @field_validator("environment")
    @classmethod
    def _variables(cls, environment: dict[str, str]) -> dict[str, str]:
        for name, value in environment.items():
            if not _VARIABLE.fullmatch(name) or "\0" in value:
                raise ValueError(f"{name!r} cannot be an environment variable")
        if sum(len(name.encode()) + len(value.encode()) for name, value in environment.items()) > LARGEST_ENVIRONMENT:
            raise ValueError(f"is larger than {LARGEST_ENVIRONMENT} bytes")
        return environment

    @field_validator("job")
    @classmethod
    def _both(cls, job: str, info: ValidationInfo) -> str:
        master = info.data.get("master", "")
        if bool(job) != bool(master) and "${" not in job + master:
            raise ValueError("a script that runs as a Jenkins job names both its master and its job")
        return job

    @field_validator("property_file")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if name and "${" not in name and not _FILE.fullmatch(name):
            raise ValueError(f"{name!r} is not the plain name of a file")
        return name


def _check_rights(step: StepView) -> None:
    """EXECUTE on the application is not enough: administrators say which roles may run scripts at all."""
    require_execute(step.stage.actor, step.stage.application)
    require_granted(step.stage.actor, "pipelines.run_script", "run scripts")


def _intend(step: StepView, config: Config) -> Intent:
    stage = step.stage
    _check_rights(step)
    request: Json = {
        "command": config.command,
        "environment": config.environment,
        "timeout": config.timeout,
        "propertyFile": config.property_file,
    }
    audit.record(
        stage.actor,
        "script.run",
        ("stage", stage.stage_id),
        after=request,
        application=stage.application,
        execution_id=stage.execution_id,
    )
    return Intent(request | {"outlivesStage": not config.wait_for_completion}, "run a script on a worker")


def _wait_for_start(step: StepView, config: Config) -> Outcome:
    work = work_of(step)
    if work.status == "QUEUED":
        return waiting_for(work, "a worker of the queue `work` to take the script up")
    return Succeeded(note=f"taken up by {work.lease_owner}")


def _monitor(step: StepView, config: Config) -> Outcome:
    work = work_of(step)
    if work.is_open:
        return waiting_for(work, "the script to end")
    if work.status != "SUCCEEDED":
        return Failed(work.message, context=_told(work.result))
    return Succeeded(_told(work.result), note="exit code 0")


def _told(result: Json) -> Json:
    return {"exitCode": result["exitCode"]} if "exitCode" in result else {}


def _properties(step: StepView, config: Config) -> Outcome:
    name = config.property_file
    refused = f"Expected properties file {name} but it was either missing, empty or contained invalid syntax"
    text = work_of(step).result.get("properties")
    if not text:
        raise StepFailed(f"{refused}: the script left no such file.", field="propertyFile")
    try:
        found = properties.read(name, text.encode())
    except properties.Unreadable as error:
        raise StepFailed(f"{refused}: {error}.", field="propertyFile") from None
    if not found:
        raise StepFailed(f"{refused}: it is empty.", field="propertyFile")
    told = {"propertyFileContents": found}
    return Succeeded(told, found | told)


def _ask(config: Config, stage: StageView) -> Asked:
    """Spinnaker's form: a job that takes the script as parameters. In a strategy the trigger says what is not given."""
    given = stage.trigger.get("parameters") or {}
    parameters = {
        "SCRIPT_PATH": config.script_path,
        "COMMAND": config.command,
        "IMAGE_ID": config.image or given.get("imageId") or given.get("amiName") or "",
        "REGION_PARAM": config.region or given.get("region") or "",
        "ENV_PARAM": config.account or given.get("credentials") or "",
        "CLUSTER_PARAM": config.cluster or given.get("cluster") or "",
        "CMC": config.cmc,
    }
    repository = {"REPO_URL": config.repo_url, "REPO_BRANCH": config.repo_branch}
    parameters |= {name: value for name, value in repository.items() if value}
    told = {name: as_text(value) for name, value in parameters.items()}
    return Asked(config.master, config.job, told, config.property_file, config.wait_for_completion)


class Script(BaseStage):
    key: ClassVar[str] = "script"
    label: ClassVar[str] = "Script"
    is_restartable: ClassVar[bool] = True
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        if config.master or config.job:
            has_properties = bool(config.property_file)
            return jenkins_steps(_ask, SCRIPT, waits=config.wait_for_completion, has_properties=has_properties)
        steps: list[StepSpec] = [submission("startScript", "script", _intend, _check_rights)]
        if config.wait_for_completion:
            patience = config.timeout + pace.MINUTE
            steps.append(Observe("waitForScriptStart", _wait_for_start, pace.HEALTH_WAIT))
            steps.append(Observe("monitorScript", _monitor, patience))
            if config.property_file:
                steps.append(Observe("getBuildProperties", _properties, pace.MINUTE, is_timeout_overridable=False))
        return tuple(steps)
