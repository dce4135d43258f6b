"""A stage that makes one new server group, waits until it is healthy, then lets the strategy see to the older ones.

Subclasses say which server group it takes over from, and what is launched.
"""

from __future__ import annotations

from typing import Any, ClassVar

from clusters import queries
from clusters.core.scaling import Scaling
from clusters.core.values import Capacity, ServerGroup
from clusters.operations import server_groups
from pipelines import strategies
from pipelines.core.plan import (
    ABSENT,
    Absent,
    Child,
    Effect,
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
from pipelines.stages.base import BaseStage, StageConfig, cloud_errors
from pipelines.stages.parts import health, images, pace
from pipelines.stages.parts.claiming import CLAIM
from pipelines.stages.parts.launch import Launch
from pipelines.stages.parts.target import names_of
from pipelines.strategies.base import Deployment

#: A cluster deployed a moment ago may not be listed yet.
TRIES_FOR_SOURCE = 3


class Source(StageConfig):
    """The server group that the new one takes over from."""

    server_group_name: str = ""
    asg_name: str = ""

    @property
    def name(self) -> str:
        return self.server_group_name or self.asg_name


class CreatingConfig(Launch):
    source: Source = Source()
    #: Written once it is created; `savedCapacity` is what was asked for.
    server_group_name: str = ""
    saved_capacity: Json = {}


def determine_source(step: StepView, config: CreatingConfig) -> Outcome:
    if config.source.name:
        return Succeeded()
    region, cluster = config.region_names[0], config.name_in(step.stage.application).cluster
    with cloud_errors():
        groups = queries.live_cluster(step.stage.actor, config.account_name, region, cluster)
    if groups:
        source = {
            **names_of(groups[0].name),
            "account": config.account_name,
            "region": region,
            "useSourceCapacity": config.use_source_capacity,
        }
        return Succeeded({"source": source}, {"source": source}, note=f"Takes over from {groups[0].name}")
    if not config.use_source_capacity or config.prefer_source_capacity:
        return Succeeded(note=f"{cluster} is new in {region}")
    if step.tries < TRIES_FOR_SOURCE:
        return Running(f"a server group of {cluster} to take the capacity from", again_in=pace.again_in(step))
    raise StepFailed(f"useSourceCapacity: {cluster} has no server group in {region}.", field="useSourceCapacity")


def copied_scaling(config: CreatingConfig, scaling: Scaling) -> Json:
    """What the new server group takes over of its source's scaling. Raises StepFailed when it could not be read."""
    if not config.copy_source_scaling_policies_and_actions:
        return {}
    if scaling.unread:
        raise StepFailed(
            f"What scales {config.source.name} cannot be read ({scaling.unread}), so it cannot be copied. Set"
            " copySourceScalingPoliciesAndActions to false to go without.",
            field="copySourceScalingPoliciesAndActions",
        )
    return scaling.as_json()


def _create(intent: Intent, step: StepView) -> Outcome:
    with cloud_errors(f"{intent.request['create']['name']} may exist."):
        return _created(intent, server_groups.create(step.stage.actor, intent.request["create"], step.token))


def _find(intent: Intent, step: StepView) -> Outcome | Absent:
    with cloud_errors():
        group = server_groups.find_created(intent.request["create"], step.token)
    return ABSENT if group is None else _created(intent, group)


def _created(intent: Intent, group: ServerGroup) -> Succeeded:
    capacity = intent.request["capacity"]
    deployed: Json = {
        "deploy.account.name": group.account,
        "deploy.server.groups": {group.region: [group.name]},
    }
    context = {
        "notification.type": "createdeploy",
        **deployed,
        **names_of(group.name),
        "capacity": capacity,
        "savedCapacity": intent.request["wish"],
        "capacitySnapshot": {
            "minSize": capacity["min"],
            "desiredCapacity": capacity["desired"],
            "maxSize": capacity["max"],
        },
    }
    return Succeeded(context, deployed, note=f"{group.name} created")


def _wait_for_up(step: StepView, config: CreatingConfig) -> Outcome:
    return health.wait_for_up(step, config, config.server_group_name)


class CreatingStage(BaseStage):
    Config: ClassVar[type[StageConfig]] = CreatingConfig
    #: Made like its source, which also says which cluster it is.
    is_clone: ClassVar[bool] = False

    def determine(self, step: StepView, config: Any) -> Outcome:
        """Find the source and write it to the context."""
        return determine_source(step, config)

    def launch(self, step: StepView, config: Any, region: str) -> tuple[Json, Capacity]:
        """What clusters.operations.server_groups.intend_create launches, and the capacity that is wished for."""
        raise NotImplementedError

    def replaced(self, config: Any) -> str:
        """The server group of the same cluster and region that the strategy takes for the former one."""
        return str(config.source.name)

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        determine = Observe("determineSourceServerGroup", self.determine, pace.DETERMINE, is_timeout_overridable=False)
        begin = (determine, CLAIM) if self.is_clone else (CLAIM, determine)
        if strategies.is_done_elsewhere(config.strategy):
            return begin if self.is_clone else (CLAIM,)
        return (
            *begin,
            Effect(self.key, self._intend, _create, _find, timeout_seconds=pace.CREATE_CALL, is_rehearsable=True),
            Observe("waitForUpInstances", _wait_for_up, pace.HEALTH_WAIT),
        )

    def after(self, config: Any, stage: StageView) -> list[Child]:
        strategy, deployment = strategies.find(config.strategy), self._deployment(config, stage)
        if not strategies.is_done_elsewhere(config.strategy):
            return strategy.after(deployment, config)
        image = config.image_id or images.supplied_image(stage, deployment.region, config.provider_key) or ""
        return strategy.instead(deployment, config, stage, image)

    def on_failure(self, config: Any, stage: StageView, failed_step: str) -> list[Child]:
        return strategies.find(config.strategy).on_failure(self._deployment(config, stage), config, failed_step)

    def _intend(self, step: StepView, config: CreatingConfig) -> Intent:
        region, name = config.region_names[0], config.name_in(step.stage.application)
        with cloud_errors():
            launch, wish = self.launch(step, config, region)
            capacity = strategies.find(config.strategy).initial(wish)
            intent = server_groups.intend_create(
                step.stage.actor,
                account=config.account_name,
                region=region,
                application=name.app,
                stack=config.stack,
                detail=config.free_form_details,
                launch=launch | {"capacity": capacity.as_json()},
                like=config.source.name,
                token=step.token,
                execution_id=step.stage.execution_id,
            )
        request = {"create": intent, "capacity": capacity.as_json(), "wish": wish.as_json()}
        summary = f"create {intent['name']} with {capacity.desired} instances of {launch['image_id']}"
        return Intent(request, summary, server_groups.cluster_key(config.account_name, region, name.cluster))

    def _deployment(self, config: CreatingConfig, stage: StageView) -> Deployment:
        return Deployment(
            region=config.region_names[0],
            cluster=config.name_in(stage.application).cluster,
            server_group=config.server_group_name,
            source=self.replaced(config),
            place=config.cluster_place(stage.application)
            | {"targetHealthyDeployPercentage": config.target_healthy_deploy_percentage},
            wish=config.saved_capacity,
            source_minimum=stage.lookup(f"originalCapacity.{self.replaced(config)}", {}).get("min"),
            is_clone=self.is_clone,
        )
