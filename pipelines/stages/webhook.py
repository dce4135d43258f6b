"""Calls an address, and if asked to looks at another one until that says how it ended."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from clusters.operations.places import require_execute
from clusters.trust import audit
from pipelines.clients import http
from pipelines.core import jsonpath
from pipelines.core.plan import (
    ABSENT,
    Absent,
    Effect,
    Failed,
    Intent,
    Json,
    Observe,
    Outcome,
    Running,
    StepFailed,
    StepSpec,
    StepView,
    Succeeded,
)
from pipelines.core.status import Status
from pipelines.stages.base import BaseStage, StageConfig
from pipelines.stages.parts import pace
from pipelines.stages.parts.calls import Reply, call, host_of

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CREATE, FIRST_PAUSE, LATER_PAUSE = 5 * pace.MINUTE, 1.0, 15.0
#: What an address says it may do better later, beside all of 5xx.
BUSY = frozenset({408, 425, 429})


class Retry(StageConfig):
    max_attempts: int = Field(default=0, ge=0)


class Config(StageConfig):
    url: str = Field(min_length=1)
    method: str = "POST"
    payload: Any = None
    #: A value may be `secret:name`.
    custom_headers: dict[str, Any] = {}
    fail_fast_status_codes: tuple[int, ...] = (504,)
    retry_status_codes: tuple[int, ...] = ()
    #: By status: how often it may come before it counts.
    retries: dict[str, Retry] = {}
    wait_for_completion: bool = False
    #: Without a call before: `url` is the one looked at.
    monitor_only: bool = False
    wait_before_monitor: float = 0
    status_url_resolution: Literal["getMethod", "locationHeader", "webhookResponse"] = "getMethod"
    status_url_json_path: str = ""
    status_json_path: str = ""
    progress_json_path: str = ""
    success_statuses: str = ""
    canceled_statuses: str = ""
    terminal_statuses: str = ""
    signal_cancellation: bool = False
    cancel_endpoint: str = ""
    cancel_method: str = "POST"
    cancel_payload: Any = None

    @field_validator("method", "cancel_method")
    @classmethod
    def _known_method(cls, method: str) -> str:
        if method.upper() not in METHODS:
            raise ValueError(f"one of {', '.join(METHODS)}")
        return method.upper()

    @field_validator("status_url_json_path", "status_json_path", "progress_json_path")
    @classmethod
    def _readable_path(cls, path: str) -> str:
        if path:
            jsonpath.parse(path)
        return path

    def headers_for(self, url: str) -> dict[str, Any]:
        """An address that came in an answer gets what the first one gets only on the same host."""
        return self.custom_headers if host_of(url) == host_of(self.url) else {}

    def ends_as(self, status: str) -> Status | None:
        listed = {
            Status.SUCCEEDED: self.success_statuses,
            Status.CANCELED: self.canceled_statuses,
            Status.TERMINAL: self.terminal_statuses,
        }
        for ends, words in listed.items():
            if status.strip().upper() in {word.strip().upper() for word in words.split(",")} - {""}:
                return ends
        return None


# The call.


def _intend(step: StepView, config: Config) -> Intent:
    stage = step.stage
    require_execute(stage.actor, stage.application)
    where = http.place(config.url)
    audit.record(
        stage.actor,
        "webhook.call",
        ("address", where),
        after={"method": config.method},
        application=stage.application,
        execution_id=stage.execution_id,
    )
    return Intent({}, f"{config.method} {where}")


def _create(config: Config, intent: Intent, step: StepView) -> Outcome:
    """An address that was called and whose answer was lost is called again, with the same Idempotency-Key."""
    require_execute(step.stage.actor, step.stage.application)
    once = {} if config.method in ("GET", "HEAD") else {"Idempotency-Key": step.token}
    reply = call(config.method, config.url, once | config.custom_headers, config.payload, step.stage)
    told = reply.told()
    if _counts(config, reply):
        return _created(config, reply, told)
    where = f"{config.method} {http.place(config.url)}"
    return _refused(config, reply, step, where, {"webhook": told}, 10.0)


def _find(intent: Intent, step: StepView) -> Outcome | Absent:
    """Nobody but the other side knows; see _create."""
    return ABSENT


def _counts(config: Config, reply: Reply) -> bool:
    """A redirect is an answer only where its target is asked for."""
    return reply.is_success or (config.status_url_resolution == "locationHeader" and 300 <= reply.status < 400)


def _created(config: Config, reply: Reply, told: Json) -> Outcome:
    if config.wait_for_completion:
        match config.status_url_resolution:
            case "getMethod":
                endpoint = config.url
            case "locationHeader":
                endpoint = reply.location
            case "webhookResponse":
                found = jsonpath.first(config.status_url_json_path or "$", reply.body)
                endpoint = found if isinstance(found, str) else ""
        told["statusEndpoint"] = endpoint
        if not endpoint:
            told["error"] = "The answer does not say where its progress can be seen."
            return Failed(f"statusUrlResolution: {told['error']}", context={"webhook": told})
    return Succeeded({"webhook": told}, {"webhook": told}, note=f"{reply.status} {reply.word}")


def _refused(config: Config, reply: Reply, step: StepView, where: str, facts: Json, pause: float) -> Outcome:
    """Another try, or the end, by the status and by how often it came."""
    status, times = reply.status, dict(step.stage.context.get("webhookRetries") or {})
    times[str(status)] = times.get(str(status), 0) + 1
    limit = config.retries.get(str(status))
    message = f"{where} answers {status} {reply.word}"
    if limit is not None:
        may_retry = times[str(status)] <= limit.max_attempts
    elif status in config.fail_fast_status_codes:
        may_retry = False
    else:
        may_retry = status >= 500 or status in BUSY or status in config.retry_status_codes
    if may_retry:
        return Running(f"another try: {message}", again_in=pause, context={"webhookRetries": times})
    webhook = dict(facts.get("webhook") or {})
    webhook["error"] = message
    return Failed(f"{message}.", context={"webhook": webhook, "webhookRetries": times})


# Looking at it.


def _wait_before(step: StepView, config: Config) -> Outcome:
    until = step.started_at + timedelta(seconds=config.wait_before_monitor)
    if step.now >= until:
        return Succeeded()
    return Running(f"{config.wait_before_monitor:g} s to pass before the first look", until=until)


def _monitor(step: StepView, config: Config) -> Outcome:
    webhook: Json = dict(step.stage.context.get("webhook") or {})
    url = config.url if config.monitor_only else str(webhook.get("statusEndpoint") or config.url)
    pause = FIRST_PAUSE if pace.waited(step) < pace.MINUTE else LATER_PAUSE
    reply = call("GET", url, config.headers_for(url), None, step.stage)
    where = http.place(url)
    if not reply.is_success:
        return _refused(config, reply, step, f"GET {where}", {"webhook": webhook}, pause)
    monitor: Json = {"statusCode": reply.word, "statusCodeValue": reply.status, "body": reply.body}
    if progress := _text_at(config.progress_json_path, reply.body):
        monitor["progressMessage"] = progress
    found = jsonpath.first(config.status_json_path, reply.body) if config.status_json_path else 100
    ends, percent = _judged(config, found)
    if percent is not None:
        monitor["percentComplete"] = percent
    is_news = {**monitor, "body": None} != {**(webhook.get("monitor") or {}), "body": None}
    facts = {"webhook": webhook | {"monitor": monitor}}
    if found is None:
        missing = f"statusJsonPath: there is no {config.status_json_path} in the answer of {where}."
        return Failed(missing, context={"webhook": webhook | {"monitor": monitor, "error": missing}})
    if ends is None:
        how = progress or (f"{percent:g} %" if percent is not None else str(found)[:100])
        return Running(f"{where} to end ({how})", again_in=pause, context=facts if is_news else {})
    if ends is Status.SUCCEEDED:
        return Succeeded(facts, facts, note=str(found)[:100])
    return Failed(f"{where} ended as {str(found)[:100]}{f': {progress}' if progress else ''}.", ends, facts, facts)


def _judged(config: Config, found: Any) -> tuple[Status | None, float | None]:
    """(how it ended, or None; percent). A number is a percentage unless a list holds it."""
    ends = config.ends_as(str(found))
    if isinstance(found, int | float) and not isinstance(found, bool):
        return ends or (Status.SUCCEEDED if found == 100 else None), float(found)
    return ends, None


def _text_at(path: str, body: Any) -> str:
    found = jsonpath.first(path, body) if path else None
    return "" if found is None else str(found)[:500]


def _signal(step: StepView, config: Config) -> Outcome:
    """Tell the other side that nobody waits any more."""
    url = config.cancel_endpoint
    reply = call(config.cancel_method, url, config.headers_for(url), config.cancel_payload, step.stage)
    told = f"{config.cancel_method} {http.place(url)} answered {reply.status} {reply.word}"
    if reply.status >= 500 or reply.status in BUSY:
        raise StepFailed(f"{told}.", is_retryable=True)
    return Succeeded(note=f"To call it off, {told}.")


class Webhook(BaseStage):
    key: ClassVar[str] = "webhook"
    label: ClassVar[str] = "Webhook"
    is_restartable: ClassVar[bool] = True
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        steps: list[StepSpec] = []
        if not config.monitor_only:
            create = partial(_create, config)
            steps.append(Effect("createWebhook", _intend, create, _find, timeout_seconds=CREATE))
        if config.wait_for_completion or config.monitor_only:
            call_off = _signal if config.signal_cancellation and config.cancel_endpoint else None
            if config.wait_before_monitor > 0:
                steps.append(Observe("waitBeforeMonitorWebhook", _wait_before, call_off=call_off))
            steps.append(Observe("monitorWebhook", _monitor, pace.HOUR, call_off=call_off))
        return tuple(steps)
