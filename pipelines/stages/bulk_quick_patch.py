"""Lays a package over some instances at once and waits until they serve again."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from clusters.core.values import Health, Instance, ServerGroup
from pipelines.core.plan import Json, Observe, Outcome, Running, StepFailed, StepSpec, StepView, Succeeded
from pipelines.stages.parts import health, pace
from pipelines.stages.parts.instance_work import InstancesConfig, InstancesStage
from pipelines.stages.parts.place import server_group_or_none

MONITOR = 20 * pace.MINUTE
#: What an instance says of a patch that failed may be of an earlier one for as long as this (seconds).
STALE = 5.0


class Config(InstancesConfig):
    also_known: ClassVar[frozenset[str]] = InstancesConfig.also_known | {
        "clusterName",
        "application",
        "baseOs",
        "healthProviders",
        "rollingPatch",
        "skipUpToDate",
        "patchVersion",
        "batchSize",
    }

    package: str = Field(min_length=1)
    version: str = Field(min_length=1)
    server_group_name: str = Field(min_length=1)
    unhealthy_after: float = Field(default=120, ge=0, allow_inf_nan=False)
    #: Of the same server group: those patched before and those to come, for the sentence that a failure ends with.
    patched_instances: tuple[str, ...] = ()
    remaining_instances: tuple[str, ...] = ()


def _verify(step: StepView, config: Config) -> Outcome:
    group = _group(step, config)
    gone = _gone(group, config)
    if gone:
        raise StepFailed(f"{', '.join(gone)} of {group.name} is gone. {_standing(config)}")
    return Succeeded()


def _monitor(step: StepView, config: Config) -> Outcome:
    """Until each runs the package."""
    group = _group(step, config)
    _check_gone(group, config)
    mine, package = _mine(group, config), config.package
    failed = [f"{one.id}: {one.failed_patches[package]}" for one in mine if package in one.failed_patches]
    if failed and pace.waited(step) >= STALE:
        raise StepFailed(f"{'; '.join(failed)}. {_standing(config)}")
    old = [i.id for i in mine if i.patched.get(package) != config.version]
    if old:
        waiting_for = f"{', '.join(old)} to be started with {config.package} {config.version}"
        return Running(waiting_for, again_in=pace.again_in(step))
    return Succeeded(note=f"{', '.join(config.instance_ids)}: {config.package} {config.version}")


def _check_health(step: StepView, config: Config) -> Outcome:
    """Until each runs, whatever load balancers say."""
    return _until_up(step, config, (health.PLATFORM,))


def _check_traffic(step: StepView, config: Config) -> Outcome:
    """Until each takes traffic again, by the sources that count."""
    return _until_up(step, config, config.interesting_health_provider_names)


def _until_up(step: StepView, config: Config, names: tuple[str, ...] | None) -> Outcome:
    group = _group(step, config)
    _check_gone(group, config)
    found = {one.id: said for one, said in health.healths(group, names) if one.id in config.instance_ids}
    ill = [f"{one} ({said.value})" for one, said in sorted(found.items()) if said is not Health.UP]
    if not ill:
        return Succeeded(note=f"{len(found)} healthy")
    if Health.DOWN in found.values() and pace.waited(step) >= config.unhealthy_after:
        why = health.unhealthy(group, names)
        raise StepFailed(f"With {config.package} {config.version} not healthy: {why}. {_standing(config)}")
    return Running(f"{', '.join(ill)} to become healthy", again_in=pace.again_for_health(step))


def _group(step: StepView, config: Config) -> ServerGroup:
    account, region = config.account_name, config.region_names[0]
    group = server_group_or_none(step.stage.actor, account, region, config.server_group_name)
    if group is None:
        raise StepFailed(f"{config.server_group_name} is gone.")
    return group


def _mine(group: ServerGroup, config: Config) -> list[Instance]:
    return [instance for instance in group.instances if instance.id in config.instance_ids]


def _gone(group: ServerGroup, config: Config) -> list[str]:
    there = {instance.id for instance in _mine(group, config)}
    return [one for one in config.instance_ids if one not in there]


def _check_gone(group: ServerGroup, config: Config) -> None:
    if gone := _gone(group, config):
        names = ", ".join(gone)
        raise StepFailed(
            f"{names} did not come back with {config.package} {config.version}: {group.name} has replaced it by one"
            f" that runs the image alone. {_standing(config)}"
        )


def _standing(config: Config) -> str:
    """What a failure leaves where."""
    new = ", ".join(config.patched_instances) or "none"
    old = ", ".join(config.remaining_instances) or "none"
    return (
        f"Patched before: {new}; this batch: {', '.join(config.instance_ids)}; untouched: {old}."
        " Patch again, or deploy the image anew to have all alike."
    )


class BulkQuickPatch(InstancesStage):
    key: ClassVar[str] = "bulkQuickPatch"
    label: ClassVar[str] = "Patch instances"
    kind: ClassVar[str] = "patch"
    effect_name: ClassVar[str] = "triggerQuip"
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (
            Observe("verifyQuipIsRunning", _verify, pace.MINUTE),
            self.effect(),
            Observe("monitorQuip", _monitor, MONITOR),
            Observe("instanceHealthCheck", _check_health, pace.HOUR),
            Observe("waitForDiscoveryState", _check_traffic, pace.HOUR),
        )

    def more(self, step: StepView, config: Any) -> Json:
        return {"package": (config.package, config.version), "token": step.token}
