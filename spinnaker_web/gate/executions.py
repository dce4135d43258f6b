"""Look at executions and talk to them."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from ninja import Router, Schema

from clusters.trust.requests import Request
from pipelines import operations
from pipelines.core.definition import Problem, parse_json
from pipelines.core.plan import Json
from pipelines.models import Execution, Stage
from pipelines.models.ids import from_ulid
from pipelines.operations import InvalidInput
from pipelines.queries import visible
from spinnaker_web.gate.applications import shown

router = Router(tags=["executions"])


class StagePatch(Schema):
    """Of what may be patched, only what a person may say; other keys are ignored, never merged into the stage."""

    judgmentStatus: str = ""
    judgmentInput: str = ""
    judgmentReason: str = ""
    skipRemainingWait: bool = False


@router.get("/pipelines/{ulid}")
def execution(request: Request, ulid: str) -> Any:
    return shown([_find(request, ulid)])[0]


@router.get("/pipelines/{ulid}/evaluateExpression")
def evaluate_expression(request: Request, ulid: str, expression: str) -> Json:
    return _evaluated(request, ulid, expression)


@router.post("/pipelines/{ulid}/evaluateExpression")
def evaluate_posted_expression(request: Request, ulid: str) -> Json:
    """The body is {"expression": …}, or the text itself when it is no JSON."""
    body: Any = request.body.decode(errors="replace")
    if request.content_type == "application/json":
        try:
            given = parse_json(body)
        except ValueError as error:
            raise InvalidInput([Problem("", str(error))]) from None
        body = given.get("expression") if isinstance(given, dict) else given
    if not isinstance(body, str):
        raise InvalidInput([Problem("expression", "An expression is a text.")])
    return _evaluated(request, ulid, body)


def _evaluated(request: Request, ulid: str, text: str) -> Json:
    found = operations.try_expression(request.actor, _find(request, ulid), text)
    told: Json = {}
    for message in found.messages:
        line = {"level": message.level, "description": str(message)}
        told.setdefault(message.expression.replace("${", "").replace("}", ""), []).append(line)
    return {"result": found.value, "detail": told}


@router.put("/pipelines/{ulid}/cancel")
def cancel(request: Request, ulid: str, reason: str = "") -> HttpResponse:
    operations.cancel(request.actor, _find(request, ulid), reason[:1000])
    return HttpResponse(content_type="application/json")


@router.patch("/pipelines/{ulid}/stages/{stage_id}")
def patch_stage(request: Request, ulid: str, stage_id: str, body: StagePatch) -> Any:
    """Judge, or skip the rest of a wait."""
    found = _find(request, ulid)
    ref = _stage(found, stage_id).ref
    if body.skipRemainingWait:
        operations.skip_wait(request.actor, found, ref)
    elif body.judgmentStatus:
        said = {"input": body.judgmentInput, "reason": body.judgmentReason}
        operations.judge(request.actor, found, ref, body.judgmentStatus.lower(), **said)
    else:
        raise InvalidInput([Problem("", "Send judgmentStatus or skipRemainingWait.")])
    return execution(request, ulid)


@router.put("/pipelines/{ulid}/stages/{stage_id}/restart")
def restart(request: Request, ulid: str, stage_id: str) -> Any:
    found = _find(request, ulid)
    operations.restart_stage(request.actor, found, _stage(found, stage_id).ref)
    return execution(request, ulid)


def _find(request: Request, ulid: str) -> Execution:
    try:
        return visible.executions(request.actor).defer("spec").get(pk=from_ulid(ulid))
    except (ValueError, Execution.DoesNotExist):
        raise Http404(f"Pipeline not found (id: {ulid})") from None


def _stage(execution: Execution, key: str) -> Stage:
    """By its id, or by its refId, which people can type."""
    stages = execution.stages.only("ref", "execution_id")
    try:
        found = stages.filter(pk=from_ulid(key)).first()
    except ValueError:
        found = stages.filter(ref=key).first()
    if found is None:
        raise Http404(f"Stage not found (id: {key})")
    return found
