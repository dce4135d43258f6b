"""Creates one new server group, waits until it is healthy, then lets the strategy see to the older ones."""

from __future__ import annotations

from typing import Any, ClassVar

from clusters import queries
from clusters.core.values import Capacity
from pipelines.core.plan import Json, StepFailed, StepView
from pipelines.stages.parts import creating, images
from pipelines.stages.parts.creating import CreatingConfig, CreatingStage


def _capacity(step: StepView, config: CreatingConfig, region: str) -> Capacity:
    if config.use_source_capacity and config.source.name:
        return queries.live_server_group(step.stage.actor, config.account_name, region, config.source.name).capacity
    if config.capacity is None:
        raise StepFailed("capacity: there is no source to take it from.", field="capacity")
    return config.capacity.value


class CreateServerGroup(CreatingStage):
    key: ClassVar[str] = "createServerGroup"
    label: ClassVar[str] = "Create server group"

    def launch(self, step: StepView, config: Any, region: str) -> tuple[Json, Capacity]:
        image = images.chosen_image(step.stage, config, region)
        wish = _capacity(step, config, region)
        launch = config.request(image, wish)
        if config.source.name and config.copy_source_scaling_policies_and_actions:
            scaling = queries.live_scaling(step.stage.actor, config.account_name, region, config.source.name)
            launch["scaling"] = creating.copied_scaling(config, scaling)
        return launch, wish
