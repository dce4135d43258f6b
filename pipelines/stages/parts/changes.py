"""The effect that resizes, disables, enables or destroys server groups of one cluster and region.

The list is frozen in the intent. Each try changes one server group, so no try outlasts a lease, and the stage's context
tells which are done: after a crash in the middle the rest follows, and a repeated change is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from clusters import queries
from clusters.core.values import Capacity, Health, ServerGroup
from clusters.operations import server_groups
from pipelines.core.plan import (
    ABSENT,
    Absent,
    Effect,
    Intent,
    Json,
    Outcome,
    Running,
    StepView,
    Succeeded,
)
from pipelines.stages.base import cloud_errors
from pipelines.stages.parts import pace
from pipelines.stages.parts.health import PLATFORM
from pipelines.stages.parts.place import AccountConfig

DONE_WORDS = {"resize": "resized", "disable": "disabled", "enable": "enabled", "destroy": "destroyed"}


def change_effect(name: str, intend: Callable[[StepView, Any], Intent]) -> Effect:
    return Effect(name, intend, _perform, _find, timeout_seconds=pace.CLOUD_CALL)


def intend_changes(
    step: StepView,
    config: AccountConfig,
    kind: str,
    names: Sequence[str],
    *,
    capacity: Capacity | None = None,
    cluster: str = "",
    context: Json | None = None,
    outputs: Json | None = None,
) -> Intent:
    """`kind` of all `names`, which belong to one cluster (needed by its name when there may be no names)."""
    account, region = config.account_name, config.region_names[0]
    actor, execution_id = step.stage.actor, step.stage.execution_id
    with cloud_errors():
        changes = [
            server_groups.intend_change(actor, kind, account, region, name, capacity, execution_id=execution_id)
            for name in names
        ]
    cluster = cluster or queries.cluster_of(names[0])
    request = {
        "kind": kind,
        "account": account,
        "region": region,
        "cluster": cluster,
        "notification": step.name.lower(),
        "capacity": capacity.as_json() if capacity else None,
        "changes": [{"name": name, "change": change} for name, change in zip(names, changes, strict=True)],
        "context": context or {},
        "outputs": outputs or {},
    }
    summary = f"{kind} {', '.join(names)}" if names else f"{kind} nothing"
    return Intent(request, summary, server_groups.cluster_key(account, region, cluster))


def _perform(intent: Intent, step: StepView) -> Outcome:
    request = intent.request
    left = _left(request, step)
    if left:
        with cloud_errors(_standing(request, left)):
            server_groups.change(left[0]["change"])
    if len(left) > 1:
        names = ", ".join(item["name"] for item in left[1:])
        return Running(f"{names} to be {DONE_WORDS[request['kind']]}", again_in=0, context=_facts(request, left[1:]))
    return _succeeded(request)


def _find(intent: Intent, step: StepView) -> Outcome | Absent:
    """Whether all that was asked holds. ABSENT when something is missing: what is there already is then done again."""
    request = intent.request
    with cloud_errors():
        there = queries.live_cluster(request["account"], request["region"], request["cluster"], with_destroyed=True)
    groups = {group.name: group for group in there}
    wanted = Capacity(**request["capacity"]) if request["capacity"] else None
    if all(_holds(request["kind"], groups.get(item["name"]), wanted) for item in request["changes"]):
        return _succeeded(request)
    return ABSENT


def _holds(kind: str, group: ServerGroup | None, wanted: Capacity | None) -> bool:
    if group is None or group.is_being_destroyed:
        return kind in server_groups.FINE_WHEN_GONE
    match kind:
        case "resize":
            return group.capacity == wanted
        case "disable":
            return group.is_disabled and not takes_traffic(group, Health.UP, Health.STARTING)
        case "enable":
            return not group.is_disabled and not takes_traffic(group, Health.OUT_OF_SERVICE)
        case _:
            return False


def takes_traffic(group: ServerGroup, *healths: Health) -> bool:
    """True when a load balancer gives one of `healths` for an instance."""
    reports = [report for instance in group.instances for report in instance.reports]
    return any(report.source != PLATFORM and report.health in healths for report in reports)


def _left(request: Json, step: StepView) -> list[Json]:
    done = (step.stage.context.get("deploy.server.groups") or {}).get(request["region"], ())
    return [item for item in request["changes"] if item["name"] not in done]


def _facts(request: Json, left: Sequence[Json] = ()) -> Json:
    """The keys that nearly all of Spinnaker's server group tasks write."""
    done = [item["name"] for item in request["changes"] if item not in left]
    return {
        "notification.type": request["notification"],
        "deploy.account.name": request["account"],
        "deploy.server.groups": {request["region"]: done},
    }


def _succeeded(request: Json) -> Succeeded:
    names = [item["name"] for item in request["changes"]]
    note = f"{', '.join(names)} {DONE_WORDS[request['kind']]}" if names else "There was nothing to do"
    return Succeeded(_facts(request) | request["context"], request["outputs"], note)


def _standing(request: Json, left: Sequence[Json]) -> str:
    names = [item["name"] for item in request["changes"]]
    done = ", ".join(names[: len(names) - len(left)])
    not_done = ", ".join(item["name"] for item in left)
    before = f"{done} {DONE_WORDS[request['kind']]} before; " if done else ""
    return f"{before}{not_done} may be as it was."
