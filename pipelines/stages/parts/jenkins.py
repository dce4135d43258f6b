"""A build on a Jenkins controller as steps of a stage: start it once, wait for it, follow it, read what it left.

Jenkins has no idempotent start. So that an attempt of a stage has one build even when a worker or an answer is lost,
the intent keeps what had been asked of the job before; ours is then looked for among what is newer, by the parameter
SPINNAKER_ATTEMPT where the job declares it, else by our user and the parameters; and only when Jenkins, asked twice
some seconds apart, does not show it, it is asked for again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q

from clusters.operations.places import require_execute
from clusters.trust import audit, secrets
from clusters.trust.crashpoints import crashpoint
from pipelines.clients import jenkins
from pipelines.clients.http import Budget
from pipelines.clients.jenkins import Jenkins, JenkinsError, NotFound, Run
from pipelines.core import properties
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
    StageView,
    StepFailed,
    StepSpec,
    StepView,
    Succeeded,
)
from pipelines.core.status import Status
from pipelines.models import Controller, Stage
from pipelines.stages.parts import pace

#: The parameter that tells one attempt's build from every other, in jobs that declare it.
MARKER = "SPINNAKER_ATTEMPT"
#: Seconds that Jenkins must not have shown a build before it is taken not to be there, and how long that is believed.
SETTLED, BELIEVED = 10.0, 5.0
START, LOST, FORGOTTEN = 15 * pace.MINUTE, pace.MINUTE, 5 * pace.MINUTE


@dataclass(frozen=True, slots=True)
class Names:
    """How the steps are called."""

    start: str
    wait: str
    monitor: str


JENKINS = Names("startJenkinsJob", "waitForJenkinsJobStart", "monitorJenkinsJob")
SCRIPT = Names("startScript", "waitForScriptStart", "monitorScript")


@dataclass(frozen=True, slots=True)
class Asked:
    """The build that a stage wants. `parameters` are texts; a value may be `secret:name`."""

    master: str
    job: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    property_file: str = ""
    waits: bool = True
    accepts_unstable: bool = False


#: From a stage's config and view to the build it wants.
Ask = Callable[[Any, StageView], Asked]


def steps(ask: Ask, names: Names, *, waits: bool, has_properties: bool) -> tuple[StepSpec, ...]:
    """All steps of a stage that runs one build; `ask` is called at each."""
    found: list[StepSpec] = [
        Effect(names.start, partial(_intend, ask), _start, _find, timeout_seconds=START),
        Observe(names.wait, partial(_wait, ask), pace.HEALTH_WAIT, call_off=partial(_call_off, ask)),
    ]
    if waits:
        found.append(Observe(names.monitor, partial(_monitor, ask), pace.HEALTH_WAIT, call_off=partial(_call_off, ask)))
        if has_properties:
            found.append(properties_step(ask))
        found.append(Observe("getBuildArtifacts", _artifacts, pace.DETERMINE))
    return tuple(found)


def properties_step(ask: Ask) -> Observe:
    return Observe("getBuildProperties", partial(_properties, ask), pace.MINUTE, is_timeout_overridable=False)


def as_text(value: Any) -> str:
    """A parameter as Jenkins takes it: true, 3, a list as JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


# The controller.


def controller_for(master: str, application: str) -> Controller:
    """Raises StepFailed; what an application may not use looks like what is not there."""
    usable = Controller.objects.filter(name=master, applications__name=application)
    controller = usable.first()
    if controller is None:
        raise StepFailed(
            f"There is no Jenkins controller {master!r} that application {application} may use.", field="master"
        )
    if not controller.is_enabled:
        raise StepFailed(f"Jenkins controller {master} is switched off.", field="master")
    return controller


def client_for(master: str, application: str) -> Jenkins:
    """Raises StepFailed."""
    return _client(controller_for(master, application), application)


def _client(controller: Controller, application: str) -> Jenkins:
    try:
        return jenkins.of(controller, application)
    except secrets.SecretRefused as error:
        raise StepFailed(error.message) from None


@contextmanager
def _errors(master: str) -> Iterator[None]:
    try:
        yield
    except JenkinsError as error:
        raise StepFailed(f"{master}: {error.message}", is_retryable=error.is_retryable) from None


# Start.


def _intend(ask: Ask, step: StepView, config: Any) -> Intent:
    asked, client = _asked(ask, step, config)
    stage = step.stage
    require_execute(stage.actor, stage.application)
    budget = Budget(5.0)
    with _errors(asked.master):
        try:
            job = client.job(asked.job, budget)
        except NotFound:
            raise StepFailed(f"There is no job {asked.job!r} on {asked.master}.", field="job") from None
        _check(job, asked)
        before = client.runs(asked.job, budget=budget)
    request = {
        "master": asked.master,
        "job": asked.job,
        "parameters": dict(asked.parameters),
        "isParameterised": bool(job.parameters),
        "isMarked": MARKER in job.parameters,
        "after": max((run.id for run in before), default=0),
    }
    audit.record(
        stage.actor,
        "build.start",
        ("jenkins_job", f"{asked.master}/{asked.job}"),
        after={"parameters": request["parameters"]},
        application=stage.application,
        execution_id=stage.execution_id,
    )
    return Intent(request, f"start a build of {asked.job} on {asked.master}")


def _check(job: jenkins.Job, asked: Asked) -> None:
    if not job.is_buildable:
        raise StepFailed(f"Job {asked.job} on {asked.master} is disabled.", field="job")
    if asked.parameters and not job.parameters:
        raise StepFailed(f"Job {asked.job} on {asked.master} takes no parameters.", field="parameters")
    for name, value in asked.parameters.items():
        choices = job.parameters.get(name)
        if choices and value not in choices:
            raise StepFailed(f"{value!r} is none of {', '.join(choices)}.", field=f"parameters.{name}")


def _start(intent: Intent, step: StepView) -> Outcome:
    request, stage = intent.request, step.stage
    require_execute(stage.actor, stage.application)
    controller = controller_for(request["master"], stage.application)
    try:
        sent = {
            name: secrets.resolve(value, host=controller.host, application=stage.application)
            if secrets.is_reference(value)
            else value
            for name, value in request["parameters"].items()
        }
    except secrets.SecretRefused as error:
        raise StepFailed(error.message) from None
    client = _client(controller, stage.application)
    if request["isMarked"]:
        sent[MARKER] = step.token
    crashpoint("jenkins.start:before")
    try:
        item = client.start(request["job"], sent, is_parameterised=request["isParameterised"])
    except JenkinsError as error:
        if not error.is_retryable:
            raise StepFailed(f"{request['master']}: {error.message}") from None
        facts: Json = {"refusedAt": None if error.may_have_started else step.now.isoformat()}
        return Running(f"{request['master']}: {error.message}", again_in=1, context={"startAttempt": facts})
    crashpoint("jenkins.start:after")
    return _queued(item, step, "queued")


def _find(intent: Intent, step: StepView) -> Outcome | Absent:
    """The build asked for, or ABSENT once that is sure. Asks Jenkins as long as it does not answer."""
    request = intent.request
    master, job = request["master"], request["job"]
    known = step.stage.context.get("startAttempt") or {}
    if _is_within(known.get("refusedAt"), step.now, BELIEVED):
        return ABSENT
    controller = controller_for(master, step.stage.application)
    with _errors(master):
        runs = _client(controller, step.stage.application).runs(job)
    found = _ours(runs, request, step, controller.username)
    if found is not None:
        return _queued(found.id, step, "found again")
    absent_since = known.get("absentSince")
    if not _is_within(absent_since, step.now, SETTLED + BELIEVED):
        absent_since = step.now.isoformat()
    if not _is_within(absent_since, step.now, SETTLED):
        return ABSENT
    waiting_for = f"{master} to show whether the build of {job} was queued"
    return Running(waiting_for, again_in=2, context={"startAttempt": {"absentSince": absent_since}})


def _queued(item: int, step: StepView, how: str) -> Succeeded:
    return Succeeded({"queuedBuild": str(item), "startAttempt": {"token": step.token}}, note=f"{how} as item {item}")


def _is_within(since: Any, now: datetime, seconds: float) -> bool:
    return isinstance(since, str) and 0 <= (now - datetime.fromisoformat(since)).total_seconds() < seconds


def _ours(runs: list[Run], request: Json, step: StepView, username: str) -> Run | None:
    """The first that is newer than the intent and cannot be told from ours, unless another stage has it."""
    newer = [run for run in runs if run.id > request["after"]]
    if request["isMarked"]:
        return next((run for run in newer if run.parameters.get(MARKER) == step.token), None)
    alike = [run for run in newer if _is_alike(run, request["parameters"], username)]
    taken = _taken(request["master"], [run.id for run in alike], step)
    return next((run for run in alike if run.id not in taken), None)


def _is_alike(run: Run, parameters: Mapping[str, str], username: str) -> bool:
    if username and run.users and username.lower() not in {user.lower() for user in run.users}:
        return False
    # Jenkins drops what a job does not declare, and hides what is secret.
    told = {name: value for name, value in parameters.items() if not secrets.is_reference(value)}
    return all(run.parameters.get(name, value) == value for name, value in told.items())


def _taken(master: str, items: list[int], step: StepView) -> set[int]:
    """Items that other stages have as theirs: only executions that were still open when this step began can."""
    if not items:
        return set()
    beside = Q(execution__ended_at=None) | Q(execution__ended_at__gte=step.started_at)
    stages = Stage.objects.filter(beside, context__master=master, context__queuedBuild__in=list(map(str, items)))
    others = stages.exclude(pk=step.stage.stage_id)
    return {int(item) for item in others.values_list("context__queuedBuild", flat=True)}


# Wait and follow.


def _wait(ask: Ask, step: StepView, config: Any) -> Outcome:
    asked, client = _asked(ask, step, config)
    item_id = int(step.stage.context["queuedBuild"])
    with _errors(asked.master):
        try:
            item = client.item(item_id)
        except NotFound:
            return _left_the_queue(client, asked, item_id, step)
    if item.is_cancelled:
        return Failed(f"Queue item {item_id} of {asked.job} was cancelled in Jenkins.", Status.CANCELED)
    if item.number is not None:
        return _begun(asked, item.number)
    why = f" ({item.why})" if item.why else ""
    forget = {"queueItemLostAt": None} if step.stage.context.get("queueItemLostAt") else {}
    return Running(
        f"{asked.master} to begin the build of {asked.job}{why}", again_in=pace.again_in(step), context=forget
    )


def _left_the_queue(client: Jenkins, asked: Asked, item_id: int, step: StepView) -> Outcome:
    """Jenkins forgets an item five minutes after it became a build, and all items when it loses its queue."""
    token = (step.stage.context.get("startAttempt") or {}).get("token")
    runs = client.runs(asked.job)
    marked = (run for run in runs if token and run.parameters.get(MARKER) == token)
    run = next((run for run in runs if run.id == item_id), None) or next(marked, None)
    if run is not None and run.number is not None:
        return _begun(asked, run.number)
    lost_at = step.stage.context.get("queueItemLostAt") or step.now.isoformat()
    if run is None and not _is_within(lost_at, step.now, LOST):
        raise StepFailed(
            f"{asked.master} no longer knows queue item {item_id} of {asked.job}, and no build came of it. "
            "Nothing was started in its place."
        )
    waiting_for = f"{asked.master} to know queue item {item_id} of {asked.job} again"
    return Running(waiting_for, again_in=2, context={"queueItemLostAt": lost_at})


def _begun(asked: Asked, number: int) -> Succeeded:
    return Succeeded({"buildNumber": number, "queueItemLostAt": None}, note=f"build {number} of {asked.job}")


def _monitor(ask: Ask, step: StepView, config: Any) -> Outcome:
    asked, client = _asked(ask, step, config)
    number = int(step.stage.context["buildNumber"])
    with _errors(asked.master):
        try:
            build = client.build(asked.job, number)
        except NotFound:
            return _forgotten(asked, number, step)
    known = {"buildInfo": build} if build != step.stage.context.get("buildInfo") else {}
    if build["building"] or build["result"] not in _RESULTS:
        doing = "" if build["building"] else f", which says {build['result'] or 'nothing'},"
        waiting_for = f"build {number} of {asked.job} on {asked.master}{doing} to end"
        return Running(waiting_for, again_in=pace.again_in(step), context=known)
    return _ended(asked, build, known)


_RESULTS = ("SUCCESS", "UNSTABLE", "FAILURE", "ABORTED")


def _ended(asked: Asked, build: Json, known: Json) -> Outcome:
    told = {"buildInfo": build}
    where = f"build {build['number']} of {asked.job}"
    match build["result"]:
        case "UNSTABLE" if not asked.accepts_unstable:
            return Failed(f"Job is unstable: {where}.", context=known, outputs=told)
        case "FAILURE":
            return Failed(f"Job failed (see Jenkins): {where}.", context=known, outputs=told)
        case "ABORTED":
            return Failed(f"B{where[1:]} was aborted in Jenkins.", Status.CANCELED, known, told)
    return Succeeded(known, told, note=f"{where}: {build['result']}")


def _forgotten(asked: Asked, number: int, step: StepView) -> Outcome:
    """A Jenkins that starts does not know its builds at once; one that was deleted never comes back."""
    lost_at = step.stage.context.get("buildLostAt") or step.now.isoformat()
    if not _is_within(lost_at, step.now, FORGOTTEN):
        raise StepFailed(f"{asked.master} no longer knows build {number} of {asked.job}; how it ended is not known.")
    waiting_for = f"{asked.master} to know build {number} of {asked.job} again"
    return Running(waiting_for, again_in=pace.again_in(step), context={"buildLostAt": lost_at})


def _call_off(ask: Ask, step: StepView, config: Any) -> Outcome:
    """Out of the queue, or aborted; done once Jenkins says so."""
    asked, client = _asked(ask, step, config)
    context = step.stage.context
    number: int | None = context.get("buildNumber")
    with _errors(asked.master):
        if number is None:
            item = int(context["queuedBuild"])
            number = _out_of_the_queue(client, item)
            if number is None:
                return _stopped(step, asked, f"Queue item {item} of {asked.job} was taken out of the queue.")
        build = client.build(asked.job, number)
        if build["building"]:
            client.stop(asked.job, number)
            build = client.build(asked.job, number)
    facts = {"buildNumber": number, "buildInfo": build}
    if build["building"]:
        return Running(f"build {number} of {asked.job} on {asked.master} goes on", again_in=1, context=facts)
    return _stopped(step, asked, f"Build {number} of {asked.job} ended as {build['result']}.", facts)


def _out_of_the_queue(client: Jenkins, item: int) -> int | None:
    """The number of the build it has become meanwhile, if so."""
    for _ in range(2):
        try:
            found = client.item(item)
        except NotFound:
            return None
        if found.number is not None or found.is_cancelled:
            return found.number
        client.cancel(item)
    return None


def _stopped(step: StepView, asked: Asked, note: str, facts: Json | None = None) -> Succeeded:
    stage = step.stage
    target = "jenkins_job", f"{asked.master}/{asked.job}"
    with transaction.atomic():
        audit.record(
            stage.actor,
            "build.stop",
            target,
            after={"note": note},
            application=stage.application,
            execution_id=stage.execution_id,
        )
    return Succeeded(facts or {}, note=note)


# What it left.


def _properties(ask: Ask, step: StepView, config: Any) -> Outcome:
    asked, client = _asked(ask, step, config)
    name, number = asked.property_file, int(step.stage.context["buildNumber"])
    refused = f"Expected properties file {name} but it was either missing, empty or contained invalid syntax"
    with _errors(asked.master):
        build = client.build(asked.job, number)
        path = next((one["relativePath"] for one in build["artifacts"] if one["fileName"] == name), "")
        if not path:
            if step.tries < 5:
                return Running(f"build {number} of {asked.job} to archive {name}", again_in=2)
            raise StepFailed(f"{refused}: build {number} of {asked.job} has no such artifact.", field="propertyFile")
        try:
            content = client.artifact(asked.job, number, path, properties.MOST_BYTES + 1)
        except NotFound as error:
            raise StepFailed(f"{refused}: {error.message}", is_retryable=step.tries < 5) from None
    try:
        found = properties.read(name, content)
    except properties.Unreadable as error:
        raise StepFailed(f"{refused}: {error}.", field="propertyFile") from None
    if not found:
        raise StepFailed(f"{refused}: it is empty.", field="propertyFile")
    told = {"propertyFileContents": found}
    return Succeeded(told, found | told)


def _artifacts(step: StepView, config: Any) -> Outcome:
    build = step.stage.context.get("buildInfo") or {}
    found = [
        {
            "type": "jenkins/file",
            "name": one["fileName"],
            "reference": f"{build['url']}artifact/{one['relativePath']}",
            "location": one["relativePath"],
        }
        for one in build.get("artifacts", ())
    ]
    return Succeeded({"artifacts": found})


def _asked(ask: Ask, step: StepView, config: Any) -> tuple[Asked, Jenkins]:
    asked = ask(config, step.stage)
    return asked, client_for(asked.master, step.stage.application)
