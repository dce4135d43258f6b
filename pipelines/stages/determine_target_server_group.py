"""Finds the server group that a word such as "newest" means, in each region."""

from __future__ import annotations

from typing import Any, ClassVar

from clusters import queries
from clusters.core import selection
from pipelines.core.plan import Json, Observe, Outcome, Running, StepFailed, StepSpec, StepView, Succeeded
from pipelines.stages.base import BaseStage, cloud_errors
from pipelines.stages.parts import pace
from pipelines.stages.parts.target import TargetConfig, names_of

#: A cluster deployed a moment ago may not be listed yet.
TRIES = 15


def _determine(step: StepView, config: TargetConfig) -> Outcome:
    references: list[Json] = []
    for region in config.region_names:
        with cloud_errors():
            groups = queries.live_cluster(step.stage.actor, config.account_name, region, config.cluster_name)
            found = selection.target(groups, config.target)
        if found is None:
            return _not_found(step, config, region)
        references.append({"region": region, "account": config.account_name, **names_of(found.name)})
    found_names = ", ".join(reference["serverGroupName"] for reference in references)
    return Succeeded({"targetReferences": references}, {"targetReferences": references}, note=found_names)


def _not_found(step: StepView, config: TargetConfig, region: str) -> Outcome:
    missing = f"{config.target} of {config.cluster_name} in {region} of {config.account_name}"
    if step.tries < TRIES:
        return Running(f"{missing} to appear", again_in=pace.again_in(step, slowest=1))
    raise StepFailed(f"There is no {missing}.", field="target")


class DetermineTargetServerGroup(BaseStage):
    key: ClassVar[str] = "determineTargetServerGroup"
    label: ClassVar[str] = "Determine target server group"
    Config = TargetConfig

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (Observe("determineTargetServerGroup", _determine, pace.DETERMINE, is_timeout_overridable=False),)
