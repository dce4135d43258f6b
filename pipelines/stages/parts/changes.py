"""The effect that changes server groups of one cluster and region: resizes, disables, enables, destroys them.

The list of changes is frozen in the intent. Each try makes one call, so no try outlasts a lease, and the stage's
context counts what is done: after a crash in the middle the rest follows, and a repeated change is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from clusters import queries
from clusters.core.values import Capacity, Health, ServerGroup
from clusters.operations import server_groups
from pipelines.core.plan import ABSENT, Absent, Effect, Intent, Json, Outcome, Running, StepView, Succeeded
from pipelines.stages.base import cloud_errors
from pipelines.stages.parts import pace
from pipelines.stages.parts.health import PLATFORM
from pipelines.stages.parts.place import AccountConfig

#: Kinds of clusters.operations.server_groups, as what has become of the server group.
DONE_WORDS = {
    "resize": "resized",
    "disable": "disabled",
    "enable": "enabled",
    "destroy": "destroyed",
    "suspend": "held at its size",
    "resume": "let change its size",
    "deregister": "taken out of traffic in part",
}

#: How many of the frozen changes are done, of the effect under way.
COUNT = "changesDone"


@dataclass(frozen=True, slots=True)
class Change:
    """`kind` of `name`; a resize has its absolute capacity, suspend and resume their processes, and a deregister the
    ids of the instances that one load balancer shall leave alone."""

    kind: str
    name: str
    capacity: Capacity | None = None
    processes: frozenset[str] = frozenset()
    load_balancer: str = ""
    instances: tuple[str, ...] = ()


def change_effect(name: str, intend: Callable[[StepView, Any], Intent]) -> Effect:
    return Effect(name, intend, _perform, _find, timeout_seconds=pace.CLOUD_CALL, is_rehearsable=True)


def intend_changes(
    step: StepView,
    config: AccountConfig,
    changes: Sequence[Change],
    *,
    cluster: str = "",
    context: Json | None = None,
    outputs: Json | None = None,
) -> Intent:
    """All in one cluster, which must be named where there may be no changes. `context` and `outputs` follow success."""
    account, region = config.account_name, config.region_names[0]
    cluster = cluster or queries.cluster_of(changes[0].name)
    losing = {change.name for change in changes if server_groups.takes_traffic_away(change.kind, change.capacity)}
    with cloud_errors():
        intents = [_intend(step, account, region, change, losing) for change in changes]
    request = {
        "account": account,
        "region": region,
        "cluster": cluster,
        "notification": step.name.lower(),
        "changes": intents,
        "context": context or {},
        "outputs": outputs or {},
    }
    summary = ", ".join(f"{change.kind} {change.name}" for change in changes) or "nothing to change"
    return Intent(request, summary, server_groups.cluster_key(account, region, cluster))


def _intend(step: StepView, account: str, region: str, change: Change, losing: Collection[str]) -> Json:
    return server_groups.intend_change(
        step.stage.actor,
        change.kind,
        account,
        region,
        change.name,
        change.capacity,
        processes=change.processes,
        load_balancer=change.load_balancer,
        instances=change.instances,
        along_with=losing,
        execution_id=step.stage.execution_id,
    )


def _perform(intent: Intent, step: StepView) -> Outcome:
    changes = intent.request["changes"]
    done = step.stage.context.get(COUNT, 0)
    if done < len(changes):
        with cloud_errors(_standing(changes, done)):
            server_groups.change(step.stage.actor, changes[done])
        done += 1
    if done < len(changes):
        return Running(_told(changes[done:], "to be "), again_in=0, context={COUNT: done})
    return _succeeded(intent.request)


def _find(intent: Intent, step: StepView) -> Outcome | Absent:
    """Whether all that was asked holds. ABSENT when something is missing: what is there already is then done again."""
    request = intent.request
    with cloud_errors():
        groups = server_groups.standing(request)
    if all(_holds(change, groups.get(change["name"])) for change in request["changes"]):
        return _succeeded(request)
    return ABSENT


def _holds(change: Json, group: ServerGroup | None) -> bool:
    if group is None or group.is_being_destroyed:
        return change["kind"] in server_groups.FINE_WHEN_GONE
    match change["kind"]:
        case "resize":
            return group.capacity == Capacity(**change["capacity"])
        case "disable":
            return group.is_disabled and not takes_traffic(group, Health.UP, Health.STARTING)
        case "enable":
            return not group.is_disabled and not takes_traffic(group, Health.OUT_OF_SERVICE)
        case "suspend":
            return group.suspended_processes.issuperset(change["processes"])
        case "resume":
            return group.suspended_processes.isdisjoint(change["processes"])
        case "deregister":
            return not takes_traffic(group, Health.UP, Health.STARTING, only=change["instances"])
        case _:
            return False


def takes_traffic(group: ServerGroup, *healths: Health, only: Collection[str] | None = None) -> bool:
    """True when a load balancer gives one of `healths` for an instance, or for one of `only`."""
    instances = [one for one in group.instances if only is None or one.id in only]
    reports = [report for instance in instances for report in instance.reports]
    return any(report.source != PLATFORM and report.health in healths for report in reports)


def _succeeded(request: Json) -> Succeeded:
    """With the keys that nearly all of Spinnaker's server group tasks write."""
    changes = request["changes"]
    facts = {
        "notification.type": request["notification"],
        "deploy.account.name": request["account"],
        "deploy.server.groups": {request["region"]: list(dict.fromkeys(change["name"] for change in changes))},
        COUNT: 0,
    }
    return Succeeded(facts | request["context"], request["outputs"], _told(changes) or "There was nothing to do")


def _told(changes: Sequence[Json], verb: str = "") -> str:
    return ", ".join(f"{change['name']} {verb}{DONE_WORDS[change['kind']]}" for change in changes)


def _standing(changes: Sequence[Json], done: int) -> str:
    before = f"{_told(changes[:done])} before; " if done else ""
    return f"{before}not {_told(changes[done:])}, as far as is known."
