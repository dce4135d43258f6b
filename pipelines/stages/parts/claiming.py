"""The effect that has a cluster to itself until the stage has ended, however it ends; others wait for it."""

from __future__ import annotations

from clusters.operations import server_groups
from pipelines.core.plan import Absent, Effect, Intent, Outcome, StepFailed, StepView, Succeeded
from pipelines.stages.parts import pace
from pipelines.stages.parts.launch import Launch


def _intend(step: StepView, config: Launch) -> Intent:
    if len(config.region_names) > 1:
        raise StepFailed("regions: one server group is in one region; a deploy stage takes several.", field="regions")
    region, cluster = config.region_names[0], config.name_in(step.stage.application).cluster
    key = server_groups.cluster_key(config.account_name, region, cluster)
    return Intent({}, f"claim {cluster} in {region}", claim=key)


def _perform(intent: Intent, step: StepView) -> Outcome:
    """The row was written with the intent."""
    return Succeeded()


def _find(intent: Intent, step: StepView) -> Outcome | Absent:
    return Succeeded()


CLAIM = Effect("claimCluster", _intend, _perform, _find, timeout_seconds=pace.HEALTH_WAIT, is_rehearsable=True)
