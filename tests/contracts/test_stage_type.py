"""What every stage type keeps, whoever wrote it. A new type joins by its line in MINIMAL (and EFFECTS, if it has one)."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from pydantic.alias_generators import to_camel

from clusters.core.scaling import PolicyKind, ScalingPolicy
from clusters.core.values import Listener, LoadBalancerRequest
from clusters.models import Application
from clusters.trust.permissions import Actor, Refused
from pipelines import stages
from pipelines.core.plan import (
    ABSENT,
    Absent,
    Ancestor,
    Effect,
    Intent,
    Outcome,
    Running,
    StageView,
    StepFailed,
    StepView,
    Succeeded,
)
from pipelines.core.status import Status
from pipelines.models.ids import uuid7
from pipelines.operations import save_pipeline
from pipelines.stages import STAGE_TYPES, find
from pipelines.stages.base import COMMON_FIELDS, BaseStage
from pipelines.stages.validation import problems
from tests.pipelines.stages.conftest import ACCOUNT, REGION, World, balanced, world  # noqa: F401

PLACE = {"credentials": ACCOUNT, "cluster": "shop-test", "regions": [REGION]}
NAMED = {"credentials": ACCOUNT, "serverGroupName": "shop-test-v001", "region": REGION}
CLUSTER = {
    "account": ACCOUNT,
    "application": "shop",
    "stack": "test",
    "region": REGION,
    "capacity": {"min": 1, "desired": 1, "max": 1},
}
ROLLBACK = {"rollbackServerGroupName": "shop-test-v002", "restoreServerGroupName": "shop-test-v001"}

INSTANCES = {"credentials": ACCOUNT, "region": REGION, "instanceIds": ["i-1"]}
PATCH = {"serverGroupName": "shop-test-v003", "package": "shop", "version": "1.1"}
BALANCED = INSTANCES | {"loadBalancerNames": ["shop-web"]}
BALANCER = {
    "credentials": ACCOUNT,
    "region": REGION,
    "loadBalancerName": "shop-new",
    "listeners": [{"externalPort": 0}],
}

#: The least that each type's JSON must hold.
MINIMAL: dict[str, dict[str, Any]] = {
    "bake": {"package": "shop", "regions": [REGION]},
    "checkPreconditions": {"preconditions": [{"type": "stageStatus", "context": {"stageName": "Bake"}}]},
    "cloneServerGroup": {"credentials": ACCOUNT, "stack": "test", "region": REGION},
    "bulkQuickPatch": INSTANCES | PATCH,
    "createServerGroup": CLUSTER,
    "deleteLoadBalancer": {"credentials": ACCOUNT, "regions": [REGION], "loadBalancerName": "shop-old"},
    "deleteScalingPolicy": NAMED | {"policyName": "busy"},
    "deleteSecurityGroup": {"credentials": ACCOUNT, "regions": [REGION], "securityGroupName": "shop-old"},
    "deploy": {"clusters": [CLUSTER]},
    "deregisterInstancesFromLoadBalancer": BALANCED,
    "destroyServerGroup": NAMED,
    "determineTargetServerGroup": PLACE | {"target": "current_asg_dynamic"},
    "disableCluster": PLACE,
    "disableServerGroup": NAMED,
    "enableServerGroup": NAMED,
    "evaluateVariables": {"variables": [{"key": "version", "value": "${parameters.version}"}]},
    "findImage": PLACE,
    "getProperties": {"master": "ci", "job": "shop", "propertyFile": "build.properties", "buildNumber": 7},
    "jenkins": {"master": "ci", "job": "shop"},
    "findImageFromTags": {"packageName": "shop", "regions": [REGION]},
    "manualJudgment": {},
    "modifyAwsScalingProcess": NAMED | {"action": "suspend", "processes": ["Launch"]},
    "pipeline": {"pipeline": "child"},
    "quickPatch": {"credentials": ACCOUNT, "clusterName": "shop-test", "region": REGION, "package": "shop"},
    "rebootInstances": INSTANCES,
    "registerInstancesWithLoadBalancer": BALANCED,
    "resizeServerGroup": NAMED | {"capacity": {"min": 1, "desired": 1, "max": 1}},
    "rollbackCluster": PLACE,
    "rollbackServerGroup": {"credentials": ACCOUNT, "region": REGION, "rollbackContext": ROLLBACK},
    "scaleDownCluster": PLACE,
    "script": {"command": "true"},
    "shrinkCluster": PLACE,
    "terminateInstances": INSTANCES,
    "updateApplication": {"application": {"name": "shop"}},
    "upsertAsgScheduledActions": NAMED | {"scheduledActions": [{"recurrence": "0 9 * * *", "desiredCapacity": 1}]},
    "upsertImageTags": {"tags": {"tested": "yes"}},
    "upsertLoadBalancer": BALANCER,
    "upsertSecurityGroup": {"credentials": ACCOUNT, "regions": [REGION], "securityGroupName": "shop-office"},
    "upsertScalingPolicy": NAMED | {"simple": {"scalingAdjustment": 1}},
    "wait": {},
    "webhook": {"url": "https://hooks.example.org/"},
    "watchServerGroup": NAMED,
}

every_type = pytest.mark.parametrize("key", sorted(STAGE_TYPES))


def test_the_folder_is_the_registry():
    folder = {path.stem for path in Path(stages.__file__).parent.glob("*.py")} - {"__init__", "base", "validation"}
    assert {to_camel(name) for name in folder} == set(STAGE_TYPES) == set(MINIMAL)


def test_no_two_types_answer_to_one_key():
    keys = [key for stage_type in STAGE_TYPES.values() for key in (stage_type.key, *stage_type.aliases)]
    assert len(keys) == len(set(keys))
    assert all(find(key) for key in keys)


@every_type
def test_the_key_is_the_file_and_its_docstring_says_in_a_sentence_what_it_does(key: str):
    stage_type = STAGE_TYPES[key]
    module = inspect.getmodule(type(stage_type))
    assert isinstance(stage_type, BaseStage)
    assert to_camel(Path(inspect.getfile(type(stage_type))).stem) == stage_type.key == key
    assert re.fullmatch(r"[A-Z][^.\n]+\.\n?", module.__doc__), module.__doc__
    assert re.fullmatch(r"[A-Z][a-z]+( [a-z]+)*", stage_type.label)


@every_type
def test_fields_have_json_names_and_unknown_ones_are_kept(key: str):
    stage_type = STAGE_TYPES[key]
    for name, described in stage_type.Config.model_fields.items():
        assert described.alias == to_camel(name)
        assert described.alias not in COMMON_FIELDS - {"skipRemainingWait", "skipWaitText"}
    config = stage_type.parse({**MINIMAL[key], "fieldOfTheFuture": {"a": [1]}})
    assert config.model_extra["fieldOfTheFuture"] == {"a": [1]}


@every_type
def test_the_least_json_is_without_fault_as_saved_and_null_is_as_good_as_absent(key: str):
    assert problems(key, MINIMAL[key]) == []
    absent = {described.alias: None for described in STAGE_TYPES[key].Config.model_fields.values()}
    assert STAGE_TYPES[key].parse(absent | MINIMAL[key]) == STAGE_TYPES[key].parse(MINIMAL[key])


@every_type
def test_an_expression_passes_in_every_field_as_saved(key: str):
    for described in STAGE_TYPES[key].Config.model_fields.values():
        for value in ("${parameters.x}", "before ${parameters.x}", ["${parameters.x}"]):
            found = problems(key, MINIMAL[key] | {described.alias: value})
            assert [problem for problem in found if problem[2] == "error"] == [], described.alias


@every_type
def test_what_cannot_be_read_names_its_field(key: str):
    for name, described in STAGE_TYPES[key].Config.model_fields.items():
        if described.annotation in (int, float, bool):
            with pytest.raises(StepFailed) as caught:
                STAGE_TYPES[key].parse(MINIMAL[key] | {described.alias: "many"})
            assert caught.value.field == described.alias, name


@every_type
def test_steps_have_names_of_their_own_and_times_that_end(key: str):
    steps = STAGE_TYPES[key].steps(STAGE_TYPES[key].parse(MINIMAL[key]))
    assert len({step.name for step in steps}) == len(steps)
    for step in steps:
        assert re.fullmatch(r"[a-z][A-Za-z]+", step.name)
        assert step.kind == "observe" or step.timeout_seconds


@every_type
def test_children_are_known_can_be_read_and_follow_only_earlier_ones(key: str):
    stage_type = STAGE_TYPES[key]
    several = MINIMAL[key] | ({"regions": [REGION, "us-east-1"]} if "regions" in MINIMAL[key] else {})
    for context in (MINIMAL[key], several, several | {"notifications": [{"type": "email"}]}):
        config, view = stage_type.parse(context), a_stage(context)
        for place, child in enumerate(stage_type.before(config, view)):
            assert child.name
            assert all(follows < place for follows in child.follows)
            STAGE_TYPES[child.type_key].parse(child.context)
            assert not COMMON_FIELDS.intersection(child.context) - {"refId", "stageTimeoutMs"}
            assert json.loads(json.dumps(child.context)) == child.context


def a_stage(context: dict[str, Any], **more: Any) -> StageView:
    ids = {"execution_id": "x", "application": "shop", "stage_id": "s", "ref": "1", "name": "Do", "attempt": 1}
    return StageView(**ids | {"actor": None, "context": context, "outputs": {}} | more)


# Effects, on a cloud in memory.


@dataclass
class Tried:
    """One effect of a stage that has got as far as this effect."""

    type_key: str
    context: dict[str, Any]
    effect_name: str = ""
    ancestors: tuple[Ancestor, ...] = ()
    #: What the view says beside the context.
    ids: dict[str, Any] = field(default_factory=dict)
    #: What is locked; None: the cluster.
    lock: str | None = None
    now: datetime = field(default=datetime(2026, 1, 1, tzinfo=UTC))

    @property
    def effect(self) -> Effect:
        steps = STAGE_TYPES[self.type_key].steps(self.config)
        return next(step for step in steps if isinstance(step, Effect) and step.name.startswith(self.effect_name))

    @property
    def config(self) -> Any:
        return STAGE_TYPES[self.type_key].parse(self.context)

    def view(self, actor: Any, tries: int = 0, **learned: Any) -> StepView:
        stage = a_stage(self.context | learned, actor=actor, ancestors=self.ancestors, **self.ids)
        return StepView(stage, self.effect.name, "token-1", self.now, self.now, self.now, tries)

    def intend(self, actor: Any) -> Intent:
        """As it comes back from its row."""
        with transaction.atomic():
            intent = self.effect.intend(self.view(actor), self.config)
        return Intent(**json.loads(json.dumps(asdict(intent))))

    def perform(self, actor: Any, intent: Intent) -> Outcome:
        """To its end, as the engine does: again while it says Running."""
        learned: dict[str, Any] = {}
        for tries in range(20):
            outcome = self.effect.perform(intent, self.view(actor, tries, **learned))
            if not isinstance(outcome, Running):
                return outcome
            learned |= outcome.context
        raise AssertionError("it never ends")


EFFECTS = {
    "bake": Tried("bake", {"package": "shop_1.1", "region": REGION, "account": ACCOUNT}, lock=""),
    "cloneServerGroup": Tried(
        "cloneServerGroup",
        MINIMAL["cloneServerGroup"] | {"source": {"serverGroupName": "shop-test-v003"}},
        "cloneServerGroup",
    ),
    "bulkQuickPatch": Tried("bulkQuickPatch", INSTANCES | PATCH),
    "createServerGroup": Tried("createServerGroup", CLUSTER, "createServerGroup"),
    "deleteLoadBalancer": Tried(
        "deleteLoadBalancer", MINIMAL["deleteLoadBalancer"], lock=f"{ACCOUNT}:{REGION}:load-balancer/shop-old"
    ),
    "deleteSecurityGroup": Tried(
        "deleteSecurityGroup", MINIMAL["deleteSecurityGroup"], lock=f"{ACCOUNT}:{REGION}:security-group/shop-old"
    ),
    "deleteScalingPolicy": Tried("deleteScalingPolicy", MINIMAL["deleteScalingPolicy"]),
    "deregisterInstancesFromLoadBalancer": Tried("deregisterInstancesFromLoadBalancer", BALANCED),
    "destroyServerGroup": Tried("destroyServerGroup", NAMED),
    "disableCluster": Tried("disableCluster", PLACE),
    "disableServerGroup": Tried("disableServerGroup", NAMED | {"serverGroupName": "shop-test-v003"}),
    "enableServerGroup": Tried("enableServerGroup", NAMED),
    "modifyAwsScalingProcess": Tried(
        "modifyAwsScalingProcess", MINIMAL["modifyAwsScalingProcess"] | {"serverGroupName": "shop-test-v003"}
    ),
    "pipeline": Tried("pipeline", {"pipeline": "child"}, lock=""),
    "updateApplication": Tried("updateApplication", {"application": {"name": "shop", "description": "sells"}}, lock=""),
    "rebootInstances": Tried("rebootInstances", INSTANCES),
    "registerInstancesWithLoadBalancer": Tried("registerInstancesWithLoadBalancer", BALANCED),
    "resizeServerGroup": Tried("resizeServerGroup", MINIMAL["resizeServerGroup"]),
    "resizeServerGroup, after": Tried(
        "resizeServerGroup",
        MINIMAL["resizeServerGroup"] | {"serverGroupName": "shop-test-v003", "resumedProcesses": ["Launch"]},
        "suspend",
    ),
    "scaleDownCluster": Tried("scaleDownCluster", PLACE),
    "script": Tried("script", {"command": "true"}, lock=""),
    "shrinkCluster": Tried("shrinkCluster", PLACE),
    "terminateInstances": Tried("terminateInstances", INSTANCES),
    "upsertImageTags": Tried(
        "upsertImageTags",
        {"credentials": ACCOUNT, "tags": {"tested": "yes"}, "imageNames": ["shop-1.0"], "region": REGION},
        lock="",
    ),
    "upsertAsgScheduledActions": Tried("upsertAsgScheduledActions", MINIMAL["upsertAsgScheduledActions"]),
    "upsertScalingPolicy": Tried("upsertScalingPolicy", MINIMAL["upsertScalingPolicy"]),
    "upsertLoadBalancer": Tried("upsertLoadBalancer", BALANCER, lock=f"{ACCOUNT}:{REGION}:load-balancer/shop-new"),
    "upsertSecurityGroup": Tried(
        "upsertSecurityGroup", MINIMAL["upsertSecurityGroup"], lock=f"{ACCOUNT}:{REGION}:security-group/shop-office"
    ),
}

#: Which server group's first instance they are tried on: register finds one that takes no traffic.
ABOUT_INSTANCES = {
    "bulkQuickPatch": "shop-test-v003",
    "deregisterInstancesFromLoadBalancer": "shop-test-v003",
    "rebootInstances": "shop-test-v003",
    "registerInstancesWithLoadBalancer": "shop-test-v002",
    "terminateInstances": "shop-test-v003",
}

#: What acts on no cloud, tried by its own tests on a server that stands in.
ELSEWHERE = {"jenkins", "webhook"}

every_effect = pytest.mark.parametrize("tried", EFFECTS.values(), ids=EFFECTS)


@pytest.fixture
def stocked(balanced: World) -> World:  # noqa: F811
    """Two server groups disabled, two live, one package."""
    cloud = balanced.cloud
    for number in (1, 2):
        balanced.group(f"shop-test-v00{number}", is_disabled=True)
    for number in (3, 4):
        balanced.group(f"shop-test-v00{number}")
    balanced.upload("shop", "1.1")
    cloud.load_balancers.upsert(ACCOUNT, LoadBalancerRequest(REGION, "shop-old", Listener(0)))
    cloud.security_groups.upsert(ACCOUNT, REGION, "shop-old", ())
    busy = ScalingPolicy("busy", PolicyKind.SIMPLE, {"adjustmentType": "ExactCapacity", "scalingAdjustment": 4})
    cloud.server_groups.put_policy(ACCOUNT, REGION, "shop-test-v001", busy)
    for key, name in ABOUT_INSTANCES.items():
        ids = [instance.id for instance in cloud.server_groups.get(ACCOUNT, REGION, name).instances[:1]]
        EFFECTS[key].context = MINIMAL[key] | {"instanceIds": ids}
    document = {"name": "Child", "id": "child", "stages": [{"refId": "1", "type": "wait"}]}
    save_pipeline(balanced.actor, Application.objects.get(name="shop"), json.dumps(document))
    parent = balanced.begin({"type": "wait"})
    EFFECTS["pipeline"].ids = {"execution_id": parent.ulid, "stage_id": str(uuid7())}
    EFFECTS["script"].ids = {"execution_id": parent.ulid, "stage_id": str(parent.stages.get().pk)}
    EFFECTS["createServerGroup"].context = CLUSTER | {"imageId": balanced.image.id}
    return balanced


def test_every_type_with_an_effect_is_tried():
    with_effects = {
        key
        for key, stage_type in STAGE_TYPES.items()
        for context in (MINIMAL[key], MINIMAL[key] | {"region": REGION})
        if any(isinstance(step, Effect) for step in stage_type.steps(stage_type.parse(context)))
    }
    assert with_effects == {tried.type_key for tried in EFFECTS.values()} | ELSEWHERE


@every_effect
def test_an_effect_is_absent_before_it_is_done_and_the_same_when_found_after(stocked: World, tried: Tried):
    intent = tried.intend(stocked.actor)
    assert intent.summary
    assert tried.effect.find(intent, tried.view(stocked.actor)) is ABSENT
    done = tried.perform(stocked.actor, intent)
    assert isinstance(done, Succeeded)
    assert json.loads(json.dumps([done.context, done.outputs])) == [done.context, done.outputs]
    stocked.cloud.advance(3)
    found = tried.effect.find(intent, tried.view(stocked.actor))
    # What cannot be found is done again by its token.
    again = tried.perform(stocked.actor, intent) if isinstance(found, Absent) else found
    assert replace(again, note="", context=settled(again)) == replace(done, note="", context=settled(done))


def settled(outcome: Succeeded) -> dict[str, Any]:
    return {name: value for name, value in outcome.context.items() if name != "status"}


@every_effect
def test_doing_an_effect_twice_changes_nothing_more(stocked: World, tried: Tried):
    intent = tried.intend(stocked.actor)
    tried.perform(stocked.actor, intent)
    stocked.cloud.advance(3)
    once = stocked.there(), len(stocked.cloud.images.list(ACCOUNT, REGION))
    tried.perform(stocked.actor, intent)
    stocked.cloud.advance(3)
    assert (stocked.there(), len(stocked.cloud.images.list(ACCOUNT, REGION))) == once


@every_effect
def test_one_try_makes_one_call_that_changes_the_cloud(stocked: World, tried: Tried):
    intent = tried.intend(stocked.actor)
    before = len(stocked.cloud.calls)
    tried.effect.perform(intent, tried.view(stocked.actor))
    reads = ("list", "get", "bake")
    changes = [call for call in stocked.cloud.calls[before:] if call.method.rpartition(".")[2] not in reads]
    assert len(changes) == (0 if tried.type_key in ("pipeline", "script", "updateApplication") else 1)


@every_effect
def test_an_intent_changes_nothing_in_the_cloud_and_holds_the_cluster(stocked: World, tried: Tried):
    before = stocked.there()
    intent = tried.intend(stocked.actor)
    assert stocked.there() == before
    assert intent.lock == (f"{ACCOUNT}:{REGION}:shop-test" if tried.lock is None else tried.lock)


@every_effect
def test_what_the_actor_may_not_do_is_refused_before_anything_is_done(stocked: World, tried: Tried):
    before = stocked.there()
    with pytest.raises(Refused):
        tried.intend(Actor(None, "charlie"))
    assert stocked.there() == before


def test_a_child_of_a_deployment_never_touches_what_was_just_deployed(stocked: World):
    deployed = {"deploy.account.name": ACCOUNT, "deploy.server.groups": {REGION: ["shop-test-v003"]}}
    parent = Ancestor("1<1", "createServerGroup", "Deploy", Status.RUNNING, deployed, {})
    tried = Tried("shrinkCluster", PLACE | {"shrinkToSize": 0, "allowDeleteActive": True}, ancestors=(parent,))
    names = {change["name"] for change in tried.intend(stocked.actor).request["changes"]}
    assert names == {"shop-test-v001", "shop-test-v002"}
