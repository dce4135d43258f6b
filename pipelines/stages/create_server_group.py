"""Creates one new server group, waits until it is healthy, then lets the strategy see to the older ones."""

from __future__ import annotations

from typing import Any, ClassVar

from clusters import queries
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


class Config(Launch):
    source: Source = Source()
    #: Written once it is created; `savedCapacity` is what was asked for.
    server_group_name: str = ""
    saved_capacity: Json = {}


def _determine_source(step: StepView, config: Config) -> Outcome:
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


def _intend(step: StepView, config: Config) -> Intent:
    region, name = config.region_names[0], config.name_in(step.stage.application)
    with cloud_errors():
        image = images.chosen_image(step.stage, config, region)
        wish = _capacity(step, config, region)
        capacity = strategies.find(config.strategy).initial(wish)
        intent = server_groups.intend_create(
            step.stage.actor,
            account=config.account_name,
            region=region,
            application=name.app,
            stack=config.stack,
            detail=config.free_form_details,
            launch=config.request(image, capacity),
            token=step.token,
            execution_id=step.stage.execution_id,
        )
    request = {"create": intent, "capacity": capacity.as_json(), "wish": wish.as_json()}
    summary = f"create {intent['name']} with {capacity.desired} instances of {image}"
    return Intent(request, summary, server_groups.cluster_key(config.account_name, region, name.cluster))


def _capacity(step: StepView, config: Config, region: str) -> Capacity:
    if config.use_source_capacity and config.source.name:
        return queries.live_server_group(step.stage.actor, config.account_name, region, config.source.name).capacity
    if config.capacity is None:
        raise StepFailed("capacity: there is no source to take it from.", field="capacity")
    return config.capacity.value


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


def _wait_for_up(step: StepView, config: Config) -> Outcome:
    return health.wait_for_up(step, config, config.server_group_name)


class CreateServerGroup(BaseStage):
    key: ClassVar[str] = "createServerGroup"
    label: ClassVar[str] = "Create server group"
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (
            CLAIM,
            Observe("determineSourceServerGroup", _determine_source, pace.DETERMINE, is_timeout_overridable=False),
            Effect("createServerGroup", _intend, _create, _find, timeout_seconds=pace.CREATE_CALL, is_rehearsable=True),
            Observe("waitForUpInstances", _wait_for_up, pace.HEALTH_WAIT),
        )

    def after(self, config: Any, stage: StageView) -> list[Child]:
        return strategies.find(config.strategy).after(_deployment(config, stage), config)

    def on_failure(self, config: Any, stage: StageView, failed_step: str) -> list[Child]:
        return strategies.find(config.strategy).on_failure(_deployment(config, stage), config, failed_step)


def _deployment(config: Config, stage: StageView) -> Deployment:
    return Deployment(
        region=config.region_names[0],
        cluster=config.name_in(stage.application).cluster,
        server_group=config.server_group_name,
        source=config.source.name,
        place=config.cluster_place(stage.application)
        | {"targetHealthyDeployPercentage": config.target_healthy_deploy_percentage},
        wish=config.saved_capacity,
        source_minimum=stage.lookup(f"originalCapacity.{config.source.name}", {}).get("min"),
    )
