"""Takes a server group out of traffic; its instances keep running."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from clusters import queries
from clusters.core import selection
from clusters.core.values import Health, ServerGroup
from pipelines.core.plan import Intent, Observe, Outcome, Running, StepFailed, StepSpec, StepView, Succeeded
from pipelines.stages.parts import health, pace
from pipelines.stages.parts.changes import Change, change_effect, intend_changes, takes_traffic
from pipelines.stages.parts.place import server_group_or_none
from pipelines.stages.parts.target import (
    TargetConfig,
    TargetStage,
    existing_target,
    names_of,
    target_group,
    target_name,
)


class Config(TargetConfig):
    #: Percent of the instances to take out, those included that are out already; below 100 the group stays enabled.
    desired_percentage: int = Field(default=100, ge=1, le=100)
    #: Ours: the server group that is to carry the traffic; disabling is refused unless it is healthy.
    replaced_by: str = ""
    #: Written: the ids of those taken out of a group that stays enabled.
    disabled_instances: tuple[str, ...] = ()


def _intend(step: StepView, config: Config) -> Intent:
    name = target_name(config, step.stage)
    _check_replacement(step, config, name)
    if config.desired_percentage < 100:
        return _intend_share(step, config, existing_target(config, step))
    return intend_changes(step, config, [Change("disable", name)], context=names_of(name))


def _intend_share(step: StepView, config: Config, group: ServerGroup) -> Intent:
    """Which instances is decided here and frozen, so that a second try takes out the same."""
    chosen = tuple(selection.share_of(group, config.desired_percentage))
    balancers = group.load_balancers if chosen else ()
    changes = [Change("deregister", group.name, load_balancer=name, instances=chosen) for name in balancers]
    context = names_of(group.name) | {"disabledInstances": list(chosen)}
    return intend_changes(step, config, changes, cluster=queries.cluster_of(group.name), context=context)


def _check_replacement(step: StepView, config: Config, name: str) -> None:
    if not config.replaced_by:
        return
    account, region = config.account_name, config.region_names[0]
    replacement = server_group_or_none(step.stage.actor, account, region, config.replaced_by)
    if replacement is None:
        raise StepFailed(f"Refused to disable {name}: {config.replaced_by} is gone. Nothing was changed.")
    health.require_healthy(replacement, config, f"Refused to disable {name}")


def _wait_for_down(step: StepView, config: Config) -> Outcome:
    group = target_group(config, step)
    only = config.disabled_instances if config.desired_percentage < 100 else None
    if group is None or not takes_traffic(group, Health.UP, Health.STARTING, Health.DRAINING, only=only):
        return Succeeded(note=_quiet(config))
    return Running(f"connections of {group.name} to drain", again_in=pace.again_for_health(step))


def _quiet(config: Config) -> str:
    if config.desired_percentage == 100:
        return "No load balancer sends traffic to it"
    return f"No load balancer sends traffic to {len(config.disabled_instances)} of its instances"


def _wait_for_disabled(step: StepView, config: Config) -> Outcome:
    group = target_group(config, step)
    if group is None or group.is_disabled:
        return Succeeded()
    return Running(f"{group.name} to be reported as disabled", again_in=pace.again_in(step))


_WAIT_FOR_DISABLED = Observe(
    "waitForServerGroupDisabled", _wait_for_disabled, pace.CLUSTER_WAIT, is_timeout_overridable=False
)


class DisableServerGroup(TargetStage):
    key: ClassVar[str] = "disableServerGroup"
    label: ClassVar[str] = "Disable server group"
    Config = Config

    def work(self, config: Any) -> tuple[StepSpec, ...]:
        return (
            change_effect("disableServerGroup", _intend),
            Observe("waitForDownInstances", _wait_for_down, pace.HEALTH_WAIT),
            *([_WAIT_FOR_DISABLED] if config.desired_percentage == 100 else []),
        )
