"""Executions in every state there is, as rows: what the pipeline pages have to show. No worker touches them."""

import json
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from clusters.models import Application
from clusters.trust.permissions import actor_of
from pipelines import operations
from pipelines.models import Event, Execution, Judgment, Pipeline, Stage, Step
from pipelines.models.ids import uuid7

STAGES = [
    ("1", "bake", "Bake", []),
    ("2", "deploy", "Deploy to test", ["1"]),
    ("3", "wait", "Scan image", ["1"]),
    ("4", "wait", "Smoke tests", ["2", "3"]),
    ("5", "manualJudgment", "Go live?", ["4"]),
    ("6", "deploy", "Deploy eu-west-1", ["5"]),
    ("7", "manualJudgment", "Start us-east-1?", ["5"]),
    ("8", "deploy", "Deploy us-east-1", ["7"]),
    ("9", "wait", "Settle", ["6", "8"]),
]
#: Minutes: start and end of each stage that ran.
TIMES = {
    "1": (0, 2),
    "2": (2, 4),
    "3": (2, 3),
    "4": (4, 5),
    "5": (5, 10),
    "6": (10, 13),
    "7": (10, 12),
    "8": (12, 15),
    "9": (15, 17),
}


def release(alice: User, shop: Application) -> Pipeline:
    document = {
        "name": "Release to production",
        "description": "Bakes, tests, asks, deploys",
        "triggers": [{"type": "jenkins", "enabled": True, "master": "ci", "job": "shop-build"}],
        "parameterConfig": [
            {"name": "version", "label": "Version", "required": True, "description": "What to release"},
            {"name": "env", "default": "test", "hasOptions": True, "options": [{"value": "test"}, {"value": "prod"}]},
        ],
        "stages": [
            {"refId": ref, "type": "wait", "name": name, "requisiteStageRefIds": needs, "waitTime": 30}
            for ref, _, name, needs in STAGES
        ],
    }
    return operations.save_pipeline(actor_of(alice), shop, json.dumps(document, indent=2)).pipeline


def hang(shop: Application, alice: User) -> dict[str, Execution]:
    """Fill the walls; the executions by what they show."""
    pipeline = release(alice, shop)
    shown = {}
    for number, (name, statuses) in enumerate(
        {
            "good": dict.fromkeys("123456789", "SUCCEEDED"),
            "failed": {"1": "SUCCEEDED", "2": "SUCCEEDED", "3": "SUCCEEDED", "4": "TERMINAL"},
            "again": dict.fromkeys("123456789", "SUCCEEDED"),
            "cancelled": {"1": "SUCCEEDED", "2": "CANCELED", "3": "SUCCEEDED"},
            "asking": dict.fromkeys("12345", "SUCCEEDED") | {"6": "RUNNING", "7": "RUNNING"},
        }.items(),
        start=84,
    ):
        shown[name] = _execution(pipeline, number, statuses)
    Pipeline.objects.create(
        id="clean-up",
        application=shop,
        name="Clean up test",
        source="{}",
        document={"stages": []},
        updated_at=timezone.now(),
        updated_by="alice",
    )
    return shown


def _execution(pipeline: Pipeline, number: int, statuses: dict[str, str]) -> Execution:
    status = next((one for one in ("RUNNING", "TERMINAL", "CANCELED") if one in statuses.values()), "SUCCEEDED")
    minutes = max(TIMES[ref][1] for ref in statuses)
    began = timezone.now() - timedelta(minutes=minutes, days=0 if status == "RUNNING" else 89 - number)
    execution = Execution.objects.create(
        application=pipeline.application.name,
        pipeline=pipeline,
        name=pipeline.name,
        number=number,
        status=status,
        spec=pipeline.document,
        spec_version=1,
        started_by="alice",
        created_at=began,
        started_at=began,
        ended_at=None if status == "RUNNING" else began + timedelta(minutes=minutes),
        last_seq=3,
        trigger={
            "type": "jenkins",
            "job": "shop-build",
            "buildNumber": 400 + number,
            "branch": "main",
            "hash": "7d41f0cabc",
            "parameters": {"version": "1.9.0", "env": "prod"},
        },
        cancelled_by="alice" if status == "CANCELED" else "",
        cancel_reason="v031 is unhealthy, mend that first" if status == "CANCELED" else "",
    )
    for position, (ref, kind, name, needs) in enumerate(STAGES):
        _stage(execution, position, ref, kind, name, needs, statuses.get(ref, "NOT_STARTED"), began)
    for seq, words in enumerate(
        [("execution", "RUNNING", ""), ("stage", "RUNNING", "1"), ("stage", "SUCCEEDED", "1")], 1
    ):
        Event.objects.create(
            execution=execution, seq=seq, at=began, epoch=1, kind=words[0], status=words[1], ref=words[2]
        )
    return execution


def _stage(
    execution: Execution, position: int, ref: str, kind: str, name: str, needs: list[str], status: str, began: Any
) -> None:
    start, end = (began + timedelta(minutes=minute) for minute in TIMES[ref])
    has_begun = status != "NOT_STARTED"
    context: dict[str, Any] = {"refId": ref, "type": kind}
    if kind == "manualJudgment":
        context |= {
            "instructions": "Look at https://example.org/errors first.",
            "judgmentInputs": [{"value": "Red/black"}],
        }
    if kind == "deploy" and status == "SUCCEEDED":
        context["deploy.server.groups"] = {"eu-west-1": ["shop-prod-web-v019"]}
    stage = Stage.objects.create(
        id=uuid7(),
        execution=execution,
        ref=ref,
        type_key=kind,
        name=name,
        status=status,
        position=position,
        requisites=needs,
        context=context,
        started_at=start if has_begun else None,
        ended_at=end if has_begun and status != "RUNNING" else None,
        message="GET /cart answered 500" if status == "TERMINAL" else "",
    )
    if kind == "manualJudgment" and status == "SUCCEEDED":
        Judgment.objects.create(
            stage=stage, answer="continue", by="bob", at=end, input="Red/black", reason="checked with support"
        )
    if not has_begun:
        return
    if kind == "deploy":
        _parts(stage, status, start, end)
    else:
        _step(
            stage,
            0,
            "waitForJudgment" if kind == "manualJudgment" else "wait",
            status,
            start,
            end,
            "a person to judge" if kind == "manualJudgment" else "the wait to end",
            timedelta(hours=4),
        )


def _parts(stage: Stage, status: str, start: Any, end: Any) -> None:
    part = Stage.objects.create(
        id=uuid7(),
        execution=stage.execution,
        ref=f"{stage.ref}<1",
        type_key="createServerGroup",
        name="Create shop-prod-web",
        status=status,
        position=100 + stage.position,
        parent=stage,
        owner="before",
        context={"account": "prod"} | stage.context,
        started_at=start,
        ended_at=end if status != "RUNNING" else None,
    )
    _step(part, 0, "determineSource", "SUCCEEDED", start, start + timedelta(seconds=1), "", None)
    _step(part, 1, "createServerGroup", "SUCCEEDED", start, start + timedelta(seconds=11), "", None)
    _step(
        part,
        2,
        "waitForUpInstances",
        status,
        start,
        end,
        "2 more instances of v019 to pass /ready",
        timedelta(minutes=14),
    )


def _step(stage: Stage, n: int, name: str, status: str, start: Any, end: Any, waiting_for: str, ends_in: Any) -> None:
    is_open = status == "RUNNING"
    Step.objects.create(
        id=uuid7(),
        stage=stage,
        n=n,
        name=name,
        kind="observe",
        token=str(uuid7()),
        started_at=start,
        status={"RUNNING": "RUNNING", "SUCCEEDED": "DONE", "TERMINAL": "FAILED", "CANCELED": "CANCELED"}[status],
        waiting_for=waiting_for if is_open else "",
        ended_at=None if is_open else end,
        wait_key=f"judgment:{stage.pk}" if is_open and name == "waitForJudgment" else "",
        deadline=timezone.now() + ends_in if is_open and ends_in else None,
    )
