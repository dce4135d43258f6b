"""One thing to do, without a pipeline: each job of a task is a stage, one after the other."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import Http404, HttpResponse
from ninja import Router

from clusters.models import Application
from clusters.trust.requests import Request
from pipelines import operations
from pipelines.core.definition import Problem
from pipelines.models import Execution
from pipelines.models.ids import from_ulid
from pipelines.operations import InvalidInput
from pipelines.queries import visible
from pipelines.stages import find as find_type
from pipelines.stages.validation import problems
from spinnaker_web.gate import shapes
from spinnaker_web.gate.applications import MOST, find_application, shown
from spinnaker_web.gate.pipelines import json_object

router = Router(tags=["tasks"])

Json = dict[str, Any]

#: A job's `name` is the name of what it is about; in a stage that is the stage's own.
NAMES = {
    "upsertLoadBalancer": "loadBalancerName",
    "deleteLoadBalancer": "loadBalancerName",
    "upsertSecurityGroup": "securityGroupName",
    "deleteSecurityGroup": "securityGroupName",
    "upsertScalingPolicy": "policyName",
}


@router.post("/tasks", response=dict[str, str])
def begin(request: Request) -> dict[str, str]:
    """{"application", "description", "job": [{"type", …}]}: runs the jobs, and says where to follow that."""
    body = json_object(request)
    return _run(request, find_application(request, str(body.get("application") or "")), body)


@router.post("/applications/{app}/tasks", response=dict[str, str])
def begin_in(request: Request, app: str) -> dict[str, str]:
    return _run(request, find_application(request, app), json_object(request))


@router.post("/applications/{app}/rehearsals", response=dict[str, Any])
def rehearse_in(request: Request, app: str) -> dict[str, Any]:
    """What a task with the same body would do now; nothing is done. Ours, not Gate's."""
    application = find_application(request, app)
    title, stages = _asked(json_object(request))
    return asdict(operations.rehearse_task(request.actor, application, title, stages))


@router.get("/applications/{app}/tasks")
def tasks(request: Request, app: str, limit: int = 20) -> list[Any]:
    """Newest first."""
    found = Execution.objects.filter(application=find_application(request, app).name, pipeline=None).defer("spec")
    return _shown(list(found.order_by("-id")[: max(0, min(limit, MOST))]))


@router.get("/tasks/{ulid}")
def task(request: Request, ulid: str) -> Any:
    return _shown([_find(request, ulid)])[0]


@router.put("/tasks/{ulid}/cancel")
def cancel(request: Request, ulid: str, reason: str = "") -> HttpResponse:
    operations.cancel(request.actor, _find(request, ulid), reason[:1000])
    return HttpResponse(content_type="application/json")


def _run(request: Request, application: Application, body: Json) -> dict[str, str]:
    title, stages = _asked(body)
    return {"ref": f"/tasks/{operations.run_task(request.actor, application, title, stages).ulid}"}


def _asked(body: Json) -> tuple[str, list[Json]]:
    """The title of a task and its stages. Raises InvalidInput."""
    jobs = body.get("job")
    if not isinstance(jobs, list) or not jobs:
        raise InvalidInput([Problem("job", "A task has at least one job: [{…}].")])
    stages = [_stage(index, job) for index, job in enumerate(jobs)]
    return str(body.get("description") or stages[0]["name"])[:250], stages


def _stage(index: int, job: Any) -> Json:
    """Raises InvalidInput naming what is wrong by its path in the task."""
    if not isinstance(job, dict):
        raise InvalidInput([Problem(f"job[{index}]", "A job is an object: {…}.")])
    key = str(job.get("type") or "")
    stage_type = find_type(key)
    if stage_type is None:
        raise InvalidInput([Problem(f"job[{index}].type", f"There is nothing of the type {key!r} to be done here.")])
    stage = {name: value for name, value in job.items() if name not in ("name", "user", "refId")}
    if (named := NAMES.get(stage_type.key)) and isinstance(job.get("name"), str):
        stage.setdefault(named, job["name"])
    errors = [
        Problem(f"job[{index}].{path}", message)
        for path, message, severity in problems(key, stage)
        if severity == "error"
    ]
    if errors:
        raise InvalidInput(errors)
    order = {"refId": str(index + 1), "requisiteStageRefIds": [str(index)] if index else []}
    return stage | order | {"name": stage_type.label}


def _shown(executions: list[Execution]) -> list[Any]:
    return [shapes.task(as_json, one.message) for as_json, one in zip(shown(executions), executions, strict=True)]


def _find(request: Request, ulid: str) -> Execution:
    try:
        return visible.executions(request.actor).defer("spec").get(pk=from_ulid(ulid), pipeline=None)
    except (ValueError, Execution.DoesNotExist):
        raise Http404(f"Task not found (id: {ulid})") from None
