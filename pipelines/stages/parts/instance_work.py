"""A stage about instances of one cluster in one region, named by their ids.

As with server groups, each try makes one call and the stage's context counts what is done.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import field_validator

from clusters import queries
from clusters.core.values import Health
from clusters.operations import instances, server_groups
from pipelines.core.plan import (
    ABSENT,
    Absent,
    Effect,
    Intent,
    Json,
    Observe,
    Outcome,
    Running,
    StepSpec,
    StepView,
    Succeeded,
)
from pipelines.stages.base import BaseStage, StageConfig, cloud_errors
from pipelines.stages.parts import health, pace
from pipelines.stages.parts.place import AccountConfig

COUNT = "changesDone"
#: Kinds of clusters.operations.instances, as what has become of the instances.
DONE_WORDS = {
    "terminate": "ended",
    "reboot": "restarted",
    "register": "registered",
    "deregister": "deregistered",
    "patch": "told to run the package, too",
}


class InstancesConfig(AccountConfig):
    also_known: ClassVar[frozenset[str]] = frozenset(
        {"serverGroupName", "asgName", "zone", "launchTimes", "instances", "moniker", "cluster"}
    )

    instance_ids: tuple[str, ...]
    interesting_health_provider_names: tuple[str, ...] | None = None
    #: Written once it is known.
    instance_cluster: str = ""

    @field_validator("instance_ids")
    @classmethod
    def _some(cls, ids: tuple[str, ...]) -> tuple[str, ...]:
        if not ids:
            raise ValueError("name at least one instance")
        return ids

    @field_validator("regions")
    @classmethod
    def _one_region(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        if len(regions) > 1:
            raise ValueError("instances are of one region")
        return regions

    @property
    def balancers(self) -> tuple[str, ...]:
        return ()


class BalancedConfig(InstancesConfig):
    load_balancer_names: tuple[str, ...]

    @field_validator("load_balancer_names")
    @classmethod
    def _some_balancer(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("name at least one load balancer")
        return names

    @property
    def balancers(self) -> tuple[str, ...]:
        return self.load_balancer_names


class InstancesStage(BaseStage):
    Config: ClassVar[type[StageConfig]] = InstancesConfig
    kind: ClassVar[str]
    effect_name: ClassVar[str]

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (self.effect(), self.wait())

    def effect(self) -> Effect:
        return Effect(
            self.effect_name, self._intend, _perform, _find, timeout_seconds=pace.CLOUD_CALL, is_rehearsable=True
        )

    def more(self, step: StepView, config: Any) -> Json:
        """Further arguments of clusters.operations.instances.intend."""
        return {}

    def wait(self) -> Observe:
        """The step that looks until what was asked can be seen."""
        raise NotImplementedError

    def _intend(self, step: StepView, config: InstancesConfig) -> Intent:
        account, region = config.account_name, config.region_names[0]
        with cloud_errors("Nothing was changed."):
            request = instances.intend(
                step.stage.actor,
                self.kind,
                account,
                region,
                config.instance_ids,
                load_balancers=config.balancers,
                execution_id=step.stage.execution_id,
                **self.more(step, config),
            )
        summary = f"{self.kind} {', '.join(request['instance_ids'])}"
        if config.balancers:
            summary += f" with {', '.join(config.balancers)}"
        return Intent(request, summary, server_groups.cluster_key(account, region, request["cluster"]))


def _perform(intent: Intent, step: StepView) -> Outcome:
    calls = intent.request["calls"]
    done = step.stage.context.get(COUNT, 0)
    if done < len(calls):
        with cloud_errors(f"{done} of {len(calls)} calls were made before."):
            instances.change(step.stage.actor, intent.request, done)
        done += 1
    if done < len(calls):
        return Running(f"{intent.summary}, {done} of {len(calls)} done", again_in=0, context={COUNT: done})
    return _succeeded(intent)


def _find(intent: Intent, step: StepView) -> Outcome | Absent:
    with cloud_errors():
        return _succeeded(intent) if instances.is_done(intent.request) else ABSENT


def _succeeded(intent: Intent) -> Succeeded:
    request = intent.request
    context: Json = {
        "notification.type": f"{request['kind']}instances",
        "instanceCluster": request["cluster"],
        "instances": request["instance_ids"],
        COUNT: 0,
    }
    return Succeeded(context, note=f"{', '.join(request['instance_ids'])} {DONE_WORDS[request['kind']]}")


def healths(step: StepView, config: InstancesConfig) -> dict[str, Health]:
    """Of those of the instances that are there, by the sources that count."""
    with cloud_errors():
        groups = queries.live_cluster(
            step.stage.actor,
            config.account_name,
            config.region_names[0],
            config.instance_cluster,
            with_destroyed=True,
        )
    return {
        instance.id: found
        for group in groups
        for instance, found in health.healths(group, config.interesting_health_provider_names)
        if instance.id in config.instance_ids
    }


def balanced_healths(step: StepView, config: BalancedConfig) -> list[tuple[str, str, Health]]:
    """(load balancer, instance, what it says of it), OutOfService where it does not know it."""
    found = []
    for name in config.load_balancer_names:
        with cloud_errors():
            balancer = queries.live_load_balancer(step.stage.actor, config.account_name, config.region_names[0], name)
        members = dict(balancer.members)
        for one in config.instance_ids:
            found.append((name, one, members[one].health if one in members else Health.OUT_OF_SERVICE))
    return found
