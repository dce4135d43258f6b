"""AWS for tests: moto behind a real socket, and whoever plays the world that moto leaves out or is too kind about.

moto answers at once and knows no time. Here time passes with what is asked: each look at Auto Scaling groups or images is
a tick. What is played is listed in PLAYED, which docs/clouds.md repeats. Faults can be put before moto, as in a proxy.
"""

from __future__ import annotations

import base64
import io
import json
import os
import random
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest

os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # thousands of them, read at import

import moto.backends
from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, FakeScalingPolicy, FakeScheduledAction
from moto.autoscaling.models import InstanceState as Member
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.responses.general import Base64EncodedString, General
from moto.elbv2.models import ELBv2Backend, FakeHealthStatus, FakeTargetGroup
from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.ssm.models import SimpleSystemManagerBackend
from werkzeug.serving import make_server

from clusters.providers.aws import baking
from clusters.providers.aws import image_tags as tags
from clusters.providers.aws.account import Account, parse
from clusters.providers.aws.cloud import AwsCloud

#: What the world does that moto does not, by who would do it at AWS.
PLAYED = {
    "Auto Scaling": "launches and ends instances one tick later, Pending before InService, spread over subnets; obeys"
    " suspended Launch and Terminate; refuses names that are taken, sizes out of bounds, groups that are being deleted;"
    " deletes a group with instances only by force, and takes time for it; keeps policies and scheduled actions by group,"
    " tells the alarms of policies, makes those of a tracked target, forgets all that with its group; refuses starts in"
    " the past; makes the lifecycle hooks that a group is created with",
    "EC2": "stops a builder once its script has run and keeps its console; makes an image in more than a moment; refuses"
    " to delete a security group in use",
    "Elastic Load Balancing": "targets in other zones than the load balancer's are unused; targets are initial before they"
    " are healthy, draining before they are gone; instances are registered by Auto Scaling only while AddToLoadBalancer is not suspended; a restarted instance fails its checks",
    "SSM": "runs a command in more than a moment, and fails it when the package is not in the repository, as it says",
    "STS": "refuses to assume a role without an ExternalId",
}

#: Actions with which time passes.
TICKS = ("DescribeAutoScalingGroups", "DescribeImages")
#: A role in another account than that of the tests.
ROLE = "arn:aws:iam::222222222222:role/spinnaker"
REGIONS = ("eu-west-1", "us-east-1")

#: Ticks that things take.
INITIAL, DRAINING, DELETING, BUILDING, IMAGING, RESTARTING, RUNNING = 2, 3, 8, 2, 2, 6, 3


@dataclass
class Faults:
    """What happens to a share of requests, at random but repeatably. `hang_seconds` is longer than any read waits."""

    throttled: float = 0.0
    broken_after: float = 0.0
    hanging_after: float = 0.0
    hang_seconds: float = 4.5
    #: Only calls that change something, when set.
    only: tuple[str, ...] = ()
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    struck: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Request:
    account: str
    region: str
    service: str
    action: str
    arguments: dict[str, str]


class World:
    """The application that listens; one request at a time changes moto."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.faults = Faults()
        self.requests: list[Request] = []
        #: Tracebacks of the world itself, at which a test fails.
        self.broken: list[str] = []
        self.packages: set[tuple[str, str]] = set()
        self.never_healthy: set[str] = set()
        #: Actions that the role may not take.
        self.denied: set[str] = set()
        self.consoles: dict[str, str] = {}
        #: Ticks left: of targets by (target group, instance), groups by name, builders by instance, images by id.
        self.initial: dict[tuple[str, str], int] = {}
        self.draining: dict[tuple[str, str], int] = {}
        self.deleting: dict[tuple[str, str], int] = {}
        self.building: dict[str, int] = {}
        self.imaging: dict[str, int] = {}
        self.running: dict[str, int] = {}
        self._moto = DomainDispatcherApplication(create_backend_app)

    def reset(self) -> None:
        with self.lock:
            for name in ("autoscaling", "cloudwatch", "ec2", "elb", "elbv2", "sts", "iam", "ssm"):
                moto.backends.get_backend(name).reset()
            self.__dict__.update(World().__dict__ | {"lock": self.lock, "_moto": self._moto})

    def fails(self, **faults: Any) -> Faults:
        self.faults = Faults(**faults)
        return self.faults

    def count(self, action: str) -> int:
        return sum(request.action == action for request in self.requests)

    # a request ------------------------------------------------------------------------------------------------------

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        request = _parse(environ, body)
        self.requests.append(request)
        faults, rolled = self.faults, self.faults.dice.random()
        if faults.only and request.action not in faults.only:
            rolled = 1.0
        if rolled < faults.throttled:
            faults.struck.append(("throttled", request.action))
            return _error(start_response, request, 400, "Throttling", "Rate exceeded")
        with self.lock:
            if refusal := self._refusal(request):
                return _error(start_response, request, 400, *refusal)
            try:
                if request.action in TICKS:
                    self._tick()
                answer = _run(self._moto, environ)
            except Exception:
                self.broken.append(traceback.format_exc())
                return _error(start_response, request, 400, "WorldBroken", "see World.broken")
        if rolled < faults.throttled + faults.broken_after:
            faults.struck.append(("broken", request.action))
            return _error(start_response, request, 500, "InternalFailure", "Something went wrong")
        if rolled < faults.throttled + faults.broken_after + faults.hanging_after:
            faults.struck.append(("hanging", request.action))
            time.sleep(faults.hang_seconds)
        start_response(answer.status, answer.headers)
        return answer.body

    def _refusal(self, request: Request) -> tuple[str, str] | None:
        arguments = request.arguments
        if request.action in self.denied:
            return "AccessDenied", f"is not authorized to perform: {request.service}:{request.action}"
        if request.action == "AssumeRole" and not arguments.get("ExternalId"):
            return "AccessDenied", "is not authorized to perform: sts:AssumeRole"
        if request.service != "autoscaling" or "AutoScalingGroupName" not in arguments:
            return None
        name = arguments["AutoScalingGroupName"]
        groups = moto.backends.get_backend("autoscaling")[request.account][request.region].autoscaling_groups
        group = groups.get(name)
        if request.action == "CreateAutoScalingGroup":
            taken = f"AutoScalingGroup by this name already exists - {name} is there"
            return ("AlreadyExists", taken) if group else None
        if group is None:
            return "ValidationError", f"AutoScalingGroup name not found - null: {name}"
        if request.action == "DeleteAutoScalingGroup":
            is_forced = arguments.get("ForceDelete") == "true"
            if group.instance_states and not is_forced:
                return "ResourceInUse", "You cannot delete an AutoScalingGroup while there are instances in the group."
        elif getattr(group, "status", None) and not request.action.startswith("Describe"):
            return "ValidationError", f"AutoScalingGroup with name {name} is pending delete, and cannot be modified"
        if request.action == "UpdateAutoScalingGroup":
            low, size, high = (int(arguments[key]) for key in ("MinSize", "DesiredCapacity", "MaxSize"))
            if not low <= size <= high:
                return "ValidationError", "Desired capacity must be between the specified min and max size"
        return None

    # time -----------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        for countdown in (self.initial, self.draining, self.deleting, self.building, self.imaging, self.running):
            for key in list(countdown):
                countdown[key] -= 1
        self.draining = {key: left for key, left in self.draining.items() if left > 0}
        for regions in moto.backends.get_backend("autoscaling").values():
            for backend in regions.values():
                for group in list(backend.autoscaling_groups.values()):
                    self._move(backend, group)
        self._build()
        for regions in moto.backends.get_backend("ssm").values():
            for backend in regions.values():
                for command in backend._commands:
                    if self.running.get(command.command_id, 1) <= 0:
                        self._end_command(command)

    def _end_command(self, command: Any) -> None:
        script = "\n".join(command.parameters["commands"])
        package, version = re.findall(r"export PACKAGE=(\S+) VERSION=(\S+)", script)[0]
        if (package, version) in self.packages:
            command.status = "Success"
            return
        command.status = "Failed"
        for invocation in command.invocations:
            invocation["StandardErrorContent"] = f"E: Version '{version}' for '{package}' was not found\n"

    def _move(self, backend: AutoScalingBackend, group: FakeAutoScalingGroup) -> None:
        suspended = set(group._suspended_processes)
        for member in group.instance_states:
            if member.lifecycle_state == "Pending":
                member.lifecycle_state = "InService"
                if "AddToLoadBalancer" not in suspended:
                    self._register(backend, group, member.instance.id)
        surplus = len(group.instance_states) - (group.desired_capacity or 0)
        if surplus > 0 and "Terminate" not in suspended:
            self._end(backend, group, [member.instance.id for member in group.instance_states[:surplus]])
        if surplus < 0 and "Launch" not in suspended:
            for _ in range(-surplus):
                self._launch(group)
        key = backend.account_id + backend.region_name, group.name
        if self.deleting.get(key, 1) <= 0:
            del self.deleting[key]
            backend.autoscaling_groups.pop(group.name)
            _forget_scaling(backend, group.name)

    def _launch(self, group: FakeAutoScalingGroup) -> None:
        subnets = (group.vpc_zone_identifier or "").split(",")
        turn = len(group.instance_states) % len(subnets)
        group.vpc_zone_identifier = ",".join(subnets[turn:] + subnets[:turn])
        group.replace_autoscaling_group_instances(1, group.get_propagated_tags())
        group.vpc_zone_identifier = ",".join(subnets)
        member = group.instance_states[-1]
        member.lifecycle_state = "Pending"
        self.consoles[member.instance.id] = f"[    0.0] booting {group.image_id}\nhello listens on port 80\n"

    def _register(self, backend: AutoScalingBackend, group: FakeAutoScalingGroup, instance: str) -> None:
        for arn in group.target_group_arns:
            if target_group := backend.elbv2_backend.target_groups.get(arn):
                target_group.register([{"Id": instance}])
        for name in group.load_balancer_names:
            backend.elb_backend.register_instances(name, [instance])

    def _end(self, backend: AutoScalingBackend, group: FakeAutoScalingGroup, instances: list[str]) -> None:
        for arn in group.target_group_arns:
            target_group = backend.elbv2_backend.target_groups.get(arn)
            for instance in instances:
                if target_group and instance in target_group.targets:
                    target_group.deregister([{"Id": instance}])
        for name in group.load_balancer_names:
            backend.elb_backend.deregister_instances(name, instances)
        backend.ec2_backend.terminate_instances(instances)
        group.instance_states = [one for one in group.instance_states if one.instance.id not in instances]

    def _build(self) -> None:
        """Builders run their script, say on the console how it went, and stop."""
        for regions in moto.backends.get_backend("ec2").values():
            for backend in regions.values():
                for instance in [one for found in backend.reservations.values() for one in found.instances]:
                    bake = {tag["key"]: tag["value"] for tag in instance.get_tags()}.get(tags.BAKE_TAG)
                    if bake is None or instance.state != "running":
                        continue
                    if self.building.setdefault(instance.id, BUILDING) <= 0:
                        self._finish(instance, bake)
                for ami in backend.amis.values():
                    if self.imaging.get(ami.id, 1) <= 0:
                        ami.state = "available"

    def _finish(self, instance: Any, bake: str) -> None:
        script = base64.b64decode(str(instance.user_data)).decode()
        package, version = re.findall(r"export PACKAGE=(\S+) VERSION=(\S+)", script)[0]
        assert "shutdown -h now" in script
        if (package, version) in self.packages:
            said = f"Setting up {package} ({version}) ...\n{baking.DONE} {bake}\n"
        else:
            said = f"E: Version '{version}' for '{package}' was not found\n{baking.FAILED} {bake}\n"
        self.consoles[instance.id] = f"[    0.0] booting\n{said}"
        instance.stop()


@dataclass
class _Answer:
    status: str
    headers: list[tuple[str, str]]
    body: list[bytes]


def _run(application: Any, environ: dict[str, Any]) -> _Answer:
    answer = _Answer("", [], [])

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        answer.status, answer.headers = status, headers

    answer.body = list(application(environ, start_response))
    return answer


def _parse(environ: dict[str, Any], body: bytes) -> Request:
    scope = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
    key, region, service = scope.groups() if scope else ("", "", "")
    arguments = {name: found[0] for name, found in parse_qs(body.decode(errors="replace")).items()}
    _, _, target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")  # where the body is JSON
    return Request(get_account_id_from(key), region, service, arguments.pop("Action", target), arguments)


def _error(start_response: Callable[..., Any], request: Request, status: int, code: str, words: str) -> list[bytes]:
    if request.service in ("monitoring", "ssm"):
        start_response(f"{status} Refused", [("Content-Type", "application/x-amz-json-1.1")])
        return [json.dumps({"__type": code, "message": words}).encode()]
    if request.service == "ec2":
        xml = f"<Response><Errors><Error><Code>{code}</Code><Message>{words}</Message></Error></Errors></Response>"
    else:
        xml = f"<ErrorResponse><Error><Code>{code}</Code><Message>{words}</Message></Error></ErrorResponse>"
    start_response(f"{status} Refused", [("Content-Type", "text/xml")])
    return [xml.encode()]


# moto, where it acts at once ------------------------------------------------------------------------------------------


def play(world: World, patch: pytest.MonkeyPatch) -> None:
    """Leave to the world what takes time; what is patched are moto's models, not its answers."""
    _play_auto_scaling(world, patch)
    _play_policies(patch)
    _play_schedules(patch)
    _play_load_balancing(world, patch)
    _play_ec2(world, patch)


def _play_auto_scaling(world: World, patch: pytest.MonkeyPatch) -> None:
    def set_desired_capacity(group: FakeAutoScalingGroup, new_capacity: int | None) -> None:
        group.desired_capacity = group.min_size if new_capacity is None else new_capacity

    def delete_group(backend: AutoScalingBackend, name: str) -> None:
        group = backend.autoscaling_groups[name]
        group.status, group.desired_capacity, group._suspended_processes = "Delete in progress", 0, []
        world.deleting.setdefault((backend.account_id + backend.region_name, name), DELETING)

    def forget(backend: AutoScalingBackend, instance_ids: list[str]) -> None:
        for group in backend.autoscaling_groups.values():
            group.instance_states = [m for m in group.instance_states if m.instance.id not in instance_ids]

    def terminate(backend: AutoScalingBackend, instance_id: str, should_decrement: bool) -> Any:
        for group in backend.autoscaling_groups.values():
            for member in group.instance_states:
                if member.instance.id == instance_id:
                    world._end(backend, group, [instance_id])
                    return _activity(member, group)
        raise AutoscalingClientError("ValidationError", f"Instance Id not found - No managed instance: {instance_id}")

    plain_create = AutoScalingResponse.create_auto_scaling_group

    def create(response: AutoScalingResponse) -> ActionResult:
        answer, backend = plain_create(response), response.autoscaling_backend
        name = response._get_param("AutoScalingGroupName")
        for hook in response._get_param("LifecycleHookSpecificationList", []):
            facts = [hook.get(key) for key in ("LifecycleTransition", "HeartbeatTimeout", "DefaultResult")]
            made = backend.create_lifecycle_hook(hook["LifecycleHookName"], name, *facts)
            made.role_arn, made.notification_target_arn = hook.get("RoleARN"), hook.get("NotificationTargetARN")
        return answer

    patch.setattr(AutoScalingResponse, "create_auto_scaling_group", create)
    patch.setattr(FakeAutoScalingGroup, "set_desired_capacity", set_desired_capacity)
    patch.setattr(AutoScalingBackend, "delete_auto_scaling_group", delete_group)
    patch.setattr(AutoScalingBackend, "notify_terminate_instances", forget)
    patch.setattr(AutoScalingBackend, "terminate_instance", terminate)
    patch.setattr(AutoScalingBackend, "update_attached_target_groups", lambda *_: None)
    patch.setattr(AutoScalingBackend, "update_attached_elbs", lambda *_: None)


def _play_policies(patch: pytest.MonkeyPatch) -> None:
    """By group and name, where moto knows them by name alone."""
    plain_describe, plain_answer = AutoScalingBackend.describe_policies, AutoScalingResponse.put_scaling_policy

    def put_policy(backend: AutoScalingBackend, **given: Any) -> FakeScalingPolicy:
        policy = FakeScalingPolicy(**given, autoscaling_backend=backend)
        key = f"{policy.auto_scaling_group_name}/{policy.name}"
        if policy.policy_type == "TargetTrackingScaling" and key not in backend.policies:
            for word in ("AlarmHigh", "AlarmLow"):
                _alarms_of(backend).put_metric_alarm(
                    f"TargetTracking-{policy.auto_scaling_group_name}-{word}-{policy.name}", "AWS/EC2", "CPUUtilization",
                    "GreaterThanThreshold", 3, 60, 50.0, "Average", "Do not edit or delete", [], [policy.arn],
                )  # fmt: skip
        backend.policies[key] = policy
        return policy

    def describe(backend: AutoScalingBackend, *arguments: Any, **more: Any) -> list[FakeScalingPolicy]:
        found = plain_describe(backend, *arguments, **more)
        for policy in found:
            alarms = [one for one in _alarms_of(backend).describe_alarms() if policy.arn in one.alarm_actions]
            policy.alarms = [{"AlarmName": one.name, "AlarmARN": one.alarm_arn} for one in alarms]
        return found

    def answer_put(response: AutoScalingResponse) -> ActionResult:
        """moto spells it PolicyArn, which no client reads."""
        [arn] = plain_answer(response).result.values()
        return ActionResult({"PolicyARN": arn})

    def delete_policy(response: AutoScalingResponse) -> ActionResult:
        group, name = response._get_param("AutoScalingGroupName"), response._get_param("PolicyName")
        if policy := response.autoscaling_backend.policies.pop(f"{group}/{name}", None):
            _forget_alarms(response.autoscaling_backend, policy)
        return ActionResult({})

    patch.setattr(AutoScalingBackend, "put_scaling_policy", put_policy)
    patch.setattr(AutoScalingBackend, "describe_policies", describe)
    patch.setattr(AutoScalingResponse, "put_scaling_policy", answer_put)
    patch.setattr(AutoScalingResponse, "delete_policy", delete_policy)


def _play_schedules(patch: pytest.MonkeyPatch) -> None:
    """As policies."""

    def put_action(backend: AutoScalingBackend, name: str, scheduled_action_name: str, **given: Any) -> None:
        known = ("desired_capacity", "max_size", "min_size", "start_time", "end_time", "recurrence")
        facts = {key: given.get(key) for key in known} | {"time_zone": given.get("timezone")}
        start = facts["start_time"]
        if start is not None and start.replace(tzinfo=None) < utcnow().replace(tzinfo=None):
            raise AutoscalingClientError("ValidationError", "Given start time is in the past")
        action = FakeScheduledAction(autos_caling_group_name=name, scheduled_action_name=scheduled_action_name, **facts)
        backend.scheduled_actions[f"{name}/{scheduled_action_name}"] = action

    def delete_action(backend: AutoScalingBackend, auto_scaling_group_name: str, scheduled_action_name: str) -> None:
        if backend.scheduled_actions.pop(f"{auto_scaling_group_name}/{scheduled_action_name}", None) is None:
            raise AutoscalingClientError("ValidationError", "Scheduled action name not found")

    patch.setattr(AutoScalingBackend, "put_scheduled_update_group_action", put_action)
    patch.setattr(AutoScalingBackend, "delete_scheduled_action", delete_action)


def _alarms_of(backend: AutoScalingBackend) -> Any:
    return moto.backends.get_backend("cloudwatch")[backend.account_id][backend.region_name]


def _forget_alarms(backend: AutoScalingBackend, policy: FakeScalingPolicy) -> None:
    """Only those that AWS itself has made."""
    alarms = _alarms_of(backend).alarms
    for name in [
        one for one in alarms if one.startswith("TargetTracking-") and policy.arn in alarms[one].alarm_actions
    ]:
        del alarms[name]


def _forget_scaling(backend: AutoScalingBackend, group: str) -> None:
    for key in [one for one in backend.policies if one.startswith(f"{group}/")]:
        _forget_alarms(backend, backend.policies.pop(key))
    for key in [one for one in backend.scheduled_actions if one.startswith(f"{group}/")]:
        del backend.scheduled_actions[key]


def _play_load_balancing(world: World, patch: pytest.MonkeyPatch) -> None:
    plain_register, plain_deregister = FakeTargetGroup.register, FakeTargetGroup.deregister
    plain_health = ELBv2Backend.describe_target_health

    def register(group: FakeTargetGroup, targets: list[dict[str, Any]]) -> None:
        plain_register(group, targets)
        for target in targets:
            world.draining.pop((group.arn, target["Id"]), None)
            world.initial.setdefault((group.arn, target["Id"]), INITIAL)

    def deregister(group: FakeTargetGroup, targets: list[dict[str, Any]]) -> None:
        plain_deregister(group, targets)
        for target in targets:
            world.initial.pop((group.arn, target["Id"]), None)
            world.draining[group.arn, target["Id"]] = DRAINING

    def health(backend: ELBv2Backend, target_group_arn: str, targets: list[dict[str, Any]]) -> list[FakeHealthStatus]:
        if target_group_arn not in backend.target_groups:
            return plain_health(backend, target_group_arn, targets)
        group = backend.target_groups[target_group_arn]
        known = [FakeHealthStatus(key, group.port, None, *_state(world, group, key)) for key in group.targets]
        going = [key for arn, key in world.draining if arn == group.arn]
        why = "Target.DeregistrationInProgress", "Target deregistration is in progress"
        return known + [FakeHealthStatus(key, group.port, None, "draining", *why) for key in going]

    patch.setattr(FakeTargetGroup, "register", register)
    patch.setattr(FakeTargetGroup, "deregister", deregister)
    patch.setattr(ELBv2Backend, "describe_target_health", health)


def _play_ec2(world: World, patch: pytest.MonkeyPatch) -> None:
    plain_image, plain_firewall = EC2Backend.create_image, EC2Backend.delete_security_group
    plain_reboot, plain_send = EC2Backend.reboot_instances, SimpleSystemManagerBackend.send_command

    def create_image(backend: EC2Backend, *arguments: Any, tag_specifications: list[dict[str, Any]]) -> Any:
        of_image = [one for one in tag_specifications if one["ResourceType"] == "image"]  # moto knows no others
        ami = plain_image(backend, *arguments, tag_specifications=of_image)
        ami.state, world.imaging[ami.id] = "pending", IMAGING
        return ami

    def delete_firewall(backend: EC2Backend, name: str | None = None, group_id: str | None = None) -> None:
        if _is_used(backend, group_id):
            raise EC2ClientError("DependencyViolation", f"resource {group_id} has a dependent object")
        plain_firewall(backend, name, group_id)

    def reboot(backend: EC2Backend, instance_ids: list[str]) -> Any:
        for key in list(world.initial):
            if key[1] in instance_ids:
                world.initial[key] = RESTARTING
        return plain_reboot(backend, instance_ids)

    def send(backend: SimpleSystemManagerBackend, *arguments: Any, **more: Any) -> Any:
        command = plain_send(backend, *arguments, **more)
        command.status, world.running[command.command_id] = "InProgress", RUNNING
        for key in list(world.initial):
            if key[1] in command.instance_ids:
                world.initial[key] = RESTARTING
        return command

    def console(response: General) -> ActionResult:
        instance = response.ec2_backend.get_instance(response._get_param("InstanceId"))
        text = Base64EncodedString.from_raw_string(world.consoles.get(instance.id, ""))
        return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": text})

    patch.setattr(EC2Backend, "create_image", create_image)
    patch.setattr(EC2Backend, "delete_security_group", delete_firewall)
    patch.setattr(EC2Backend, "reboot_instances", reboot)
    patch.setattr(SimpleSystemManagerBackend, "send_command", send)
    patch.setattr(General, "get_console_output", console)


def _activity(member: Member, group: FakeAutoScalingGroup) -> Any:
    from moto.autoscaling.models import TerminateInstanceActivity

    return TerminateInstanceActivity(member.instance, group.desired_capacity)


def _state(world: World, group: FakeTargetGroup, instance: str) -> tuple[str, str | None, str | None]:
    names = {g.name for r in moto.backends.get_backend("autoscaling").values() for b in r.values()
             for g in b.autoscaling_groups.values() for m in g.instance_states if m.instance.id == instance}  # fmt: skip
    if not _is_in_its_zones(group, instance):
        return (
            "unused",
            "Target.NotInUse",
            "Target is in an Availability Zone that is not enabled for the load balancer",
        )
    if world.initial.get((group.arn, instance), 0) > 0:
        return "initial", "Elb.RegistrationInProgress", "Target registration is in progress"
    if names & world.never_healthy:
        return "unhealthy", "Target.FailedHealthChecks", "Health checks failed with these codes: [503]"
    return "healthy", None, None


def _is_in_its_zones(group: FakeTargetGroup, instance: str) -> bool:
    balancing, ec2 = (
        [backend for regions in moto.backends.get_backend(name).values() for backend in regions.values()]
        for name in ("elbv2", "ec2")
    )
    found = [backend.load_balancers.get(arn) for backend in balancing for arn in group.load_balancer_arns]
    served = {subnet.availability_zone for balancer in found if balancer for subnet in balancer.subnets}
    machines = [one for backend in ec2 for made in backend.reservations.values() for one in made.instances]
    return any(one.id == instance and one.availability_zone in served for one in machines)


def _is_used(backend: EC2Backend, group_id: str | None) -> bool:
    balancers = moto.backends.get_backend("elbv2")[backend.account_id][backend.region_name].load_balancers.values()
    instances = [one for found in backend.reservations.values() for one in found.instances]
    alive = [one for one in instances if one.state not in ("terminated", "shutting-down")]
    return any(group_id in balancer.security_groups for balancer in balancers) or any(
        group_id == group.id for one in alive for group in one.security_groups
    )


# what tests use -------------------------------------------------------------------------------------------------------


@dataclass
class Moto:
    """`accounts` are by name; ROLE leads to another account of AWS than the tests' own."""

    world: World
    endpoint: str
    accounts: dict[str, Account]
    cloud: AwsCloud

    def client(self, service: str, region: str = REGIONS[0], *, role: str = "") -> Any:
        """As the account of the tests, or in that of the role."""
        if not role:
            return boto3.client(service, region_name=region, endpoint_url=self.endpoint)
        sts = self.client("sts")
        given = sts.assume_role(RoleArn=role, RoleSessionName="tests", ExternalId="tests")["Credentials"]
        keys = {"aws_access_key_id": given["AccessKeyId"], "aws_secret_access_key": given["SecretAccessKey"]}
        session = boto3.Session(**keys, aws_session_token=given["SessionToken"])
        return session.client(service, region_name=region, endpoint_url=self.endpoint)

    def add_account(self, name: str, **config: Any) -> dict[str, Any]:
        """The settings it got, as a row would hold them."""
        bases = {region: self.base_image(region, role=config.get("role_arn", "")) for region in REGIONS}
        known = {"": bases, "one-token": bases, "to-tag": bases}
        settings = {"endpoint": self.endpoint, "bake": {"base_images": known}, **config}
        self.accounts[name] = parse(REGIONS, settings)
        return settings

    def base_image(self, region: str, *, role: str = "") -> str:
        ec2 = self.client("ec2", region, role=role)
        made = ec2.register_image(Name="base", RootDeviceName="/dev/xvda", Architecture="x86_64")
        return str(made["ImageId"])

    def reset(self) -> None:
        self.world.reset()
        self.accounts.clear()


@pytest.fixture(scope="session")
def moto_server() -> Iterator[Moto]:
    """One for all tests; each starts with an empty world."""
    world = World()
    server = make_server("127.0.0.1", 0, world, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    accounts: dict[str, Account] = {}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.delenv("AWS_PROFILE", raising=False)
        play(world, patch)
        cloud = AwsCloud(accounts.__getitem__, lambda: ["127.0.0.1"])
        yield Moto(world, f"http://127.0.0.1:{server.server_port}", accounts, cloud)
    server.shutdown()
    thread.join()


class _Quiet(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: Any) -> None:
        """Tests have enough to print."""


@pytest.fixture
def aws(moto_server: Moto) -> Iterator[Moto]:
    moto_server.reset()
    yield moto_server
    assert moto_server.world.broken == []
