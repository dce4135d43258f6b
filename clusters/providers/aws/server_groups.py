"""Server groups: an Auto Scaling group and the launch template that only it uses.

Creating takes several calls. Each begins by looking what an earlier attempt with the same token has left, so that what
a crash, a time-out or a throttled call cut short is gone on with: nothing is made twice.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from contextlib import suppress

from clusters.core.scaling import ScalingPolicy, ScheduledAction
from clusters.core.values import DISABLED_PROCESSES, Capacity, Changes, Process, ServerGroup, ServerGroupRequest
from clusters.providers.aws import launch, places, reading, scaling
from clusters.providers.aws.client import READ_SECONDS, Aws, Clients, Json, in_filters
from clusters.providers.base import TOKEN_TAG, Conflict, InvalidRequest, NameTaken, NotFound, check_processes

#: Beyond this AWS's quotas would have to be raised by hand.
LARGEST_GROUP = 10_000
#: Auto Scaling and load balancers take no more instances in one call.
BATCH = 20


class ServerGroups:
    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def list(self, account: str, region: str) -> builtins.list[ServerGroup]:
        aws = self._clients.at(account, region, seconds=READ_SECONDS)
        return reading.values_of(aws, reading.raw_groups(aws))

    def changes(self, account: str, region: str, marks: Mapping[str, str]) -> Changes:
        """Auto Scaling tells all of all groups cheaply; what else is to know costs calls by group."""
        aws = self._clients.for_inventory(account, region)
        told = {group["AutoScalingGroupName"]: (reading.mark(group), group) for group in reading.raw_groups(aws)}
        differing = [group for name, (mark, group) in told.items() if marks.get(name) != mark]
        return Changes(tuple(reading.values_of(aws, differing)), {name: mark for name, (mark, _) in told.items()})

    def get(self, account: str, region: str, name: str) -> ServerGroup:
        return _get(self._clients.at(account, region), name)

    def blueprint(self, account: str, region: str, name: str) -> ServerGroupRequest:
        aws = self._clients.at(account, region)
        group = reading.raw_group(aws, name)
        templates, configurations = reading.templates(aws, [group]), reading.configurations(aws, [group])
        return launch.as_request(aws, group, reading.launch_data(group, templates, configurations))

    def create(self, account: str, request: ServerGroupRequest, token: str) -> ServerGroup:
        aws = self._clients.at(account, request.region)
        _check_size(request.capacity)
        check_processes(frozenset(Process), request.suspended_processes, "suspendedProcesses")
        group = _own_group(aws, request.name, token)
        if group is None:
            group = _create(aws, request, token)
        if places.tags_of(group).get(TOKEN_TAG) != token:
            _complete(aws, request, token)
        return _get(aws, request.name)

    def resize(self, account: str, region: str, name: str, capacity: Capacity) -> None:
        aws = self._clients.at(account, region)
        _check_size(capacity)
        _usable(aws, name)
        _set_capacity(aws, name, capacity)

    def disable(self, account: str, region: str, name: str) -> None:
        aws = self._clients.at(account, region)
        group = _usable(aws, name)
        _suspend(aws, name, DISABLED_PROCESSES)
        members = [member["InstanceId"] for member in group.get("Instances", [])]
        for_balancers(aws, group.get("TargetGroupARNs", []), group.get("LoadBalancerNames", []), members, deregister)

    def enable(self, account: str, region: str, name: str) -> None:
        """Auto Scaling registers by itself only what it launches from now on."""
        aws = self._clients.at(account, region)
        group = _usable(aws, name)
        aws.do("autoscaling", "resume_processes", **_processes(name, DISABLED_PROCESSES))
        running = [m["InstanceId"] for m in group.get("Instances", []) if m.get("LifecycleState") == "InService"]
        for_balancers(aws, group.get("TargetGroupARNs", []), group.get("LoadBalancerNames", []), running, register)

    def suspend(self, account: str, region: str, name: str, processes: frozenset[str]) -> None:
        check_processes(frozenset(Process), processes, "processes")
        aws = self._clients.at(account, region)
        _usable(aws, name)
        if processes:  # none would mean all
            _suspend(aws, name, processes)

    def resume(self, account: str, region: str, name: str, processes: frozenset[str]) -> None:
        aws = self._clients.at(account, region)
        _usable(aws, name)
        if processes:
            aws.do("autoscaling", "resume_processes", **_processes(name, processes))

    def put_policy(self, account: str, region: str, name: str, policy: ScalingPolicy) -> None:
        aws = self._clients.at(account, region)
        _usable(aws, name)
        scaling.put_policy(aws, name, policy)

    def delete_policy(self, account: str, region: str, name: str, policy: str) -> None:
        aws = self._clients.at(account, region)
        _usable(aws, name)
        scaling.delete_policy(aws, name, policy)

    def set_schedule(self, account: str, region: str, name: str, actions: tuple[ScheduledAction, ...]) -> None:
        aws = self._clients.at(account, region)
        _usable(aws, name)
        scaling.set_schedule(aws, name, actions)

    def destroy(self, account: str, region: str, name: str) -> None:
        """The template goes after its group: where the group is gone already, its tag finds the template.

        Alarms go before it: policies lead to them, and vanish with their group.
        """
        aws = self._clients.at(account, region)
        for group in reading.raw_groups(aws, name):
            if not group.get("Status"):
                scaling.delete_alarms(aws, name)
                with suppress(NotFound):
                    aws.do("autoscaling", "delete_auto_scaling_group", AutoScalingGroupName=name, ForceDelete=True)
        filters = in_filters(f"tag:{launch.GROUP_TAG}", [name])
        for template in aws.pages("ec2", "describe_launch_templates", "LaunchTemplates", Filters=filters):
            _delete_template(aws, template["LaunchTemplateId"])


def _get(aws: Aws, name: str) -> ServerGroup:
    return reading.values_of(aws, [reading.raw_group(aws, name)])[0]


def _check_size(capacity: Capacity) -> None:
    if capacity.max > LARGEST_GROUP:
        raise InvalidRequest(f"{capacity.max} instances are more than {LARGEST_GROUP}", field="capacity.max")


def _usable(aws: Aws, name: str) -> Json:
    """Raises NotFound, Conflict when it is being destroyed."""
    group = reading.raw_group(aws, name)
    if group.get("Status"):
        raise Conflict(f"server group {name} is being destroyed ({group['Status']})")
    return group


def _own_group(aws: Aws, name: str, token: str) -> Json | None:
    """What an earlier attempt made. Raises NameTaken when the name is another's."""
    for group in reading.raw_groups(aws, name):
        tags = places.tags_of(group)
        if token not in (tags.get(TOKEN_TAG), tags.get(reading.BEGUN_TAG)):
            raise NameTaken(f"server group {name} exists in {aws.region}", field="name")
        return group
    return None


def _create(aws: Aws, request: ServerGroupRequest, token: str) -> Json:
    """Whole at once where one call can; else without instances and without its token, see `_complete`."""
    parts = launch.find_parts(aws, request)
    template_id = _template(aws, request, parts, token)
    takes_more = bool(request.suspended_processes or request.extra.get("enabledMetrics") or request.scaling)
    capacity = Capacity(0, 0, 0) if takes_more else request.capacity
    own = {reading.BEGUN_TAG: token} if takes_more else {TOKEN_TAG: token}
    try:
        aws.do(
            "autoscaling",
            "create_auto_scaling_group",
            AutoScalingGroupName=request.name,
            LaunchTemplate={"LaunchTemplateId": template_id, "Version": "$Default"},
            Tags=_tags(request.name, own, is_passed_on=False) + _tags(request.name, request.tags, is_passed_on=True),
            **_sizes(capacity),
            **launch.group_arguments(request, parts),
        )
    except NameTaken:  # by an attempt of ours that was slower than its time-out, or by somebody else
        if (group := _own_group_or_none(aws, request.name, token)) is None:
            _delete_template(aws, template_id)
            raise
        return group
    except (InvalidRequest, Conflict, NotFound):
        _delete_template(aws, template_id)
        raise
    return {"Tags": [{"Key": key, "Value": value} for key, value in own.items()]}


def _own_group_or_none(aws: Aws, name: str, token: str) -> Json | None:
    try:
        return _own_group(aws, name, token)
    except NameTaken:
        return None


def _template(aws: Aws, request: ServerGroupRequest, parts: launch.Parts, token: str) -> str:
    """The token's launch template: found, or made now."""
    name = launch.template_name(request.name, token)
    filters = in_filters("launch-template-name", [name])
    for template in aws.pages("ec2", "describe_launch_templates", "LaunchTemplates", Filters=filters):
        return str(template["LaunchTemplateId"])
    tags = launch.template_tags(request.name, token, request.suspended_processes)
    made = aws.do(
        "ec2",
        "create_launch_template",
        LaunchTemplateName=name,
        ClientToken=name[-64:],
        LaunchTemplateData=launch.template_data(aws, request, parts),
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": tags}],
    )
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def _delete_template(aws: Aws, template_id: str) -> None:
    with suppress(NotFound):
        aws.do("ec2", "delete_launch_template", LaunchTemplateId=template_id)


def _complete(aws: Aws, request: ServerGroupRequest, token: str) -> None:
    """A group is born with all processes running: they are suspended before it gets a size, its token is the last."""
    if request.suspended_processes:
        _suspend(aws, request.name, request.suspended_processes)
    if metrics := request.extra.get("enabledMetrics"):
        metrics_too = {"Granularity": "1Minute", "Metrics": list(metrics)}
        aws.do("autoscaling", "enable_metrics_collection", AutoScalingGroupName=request.name, **metrics_too)
    scaling.complete(aws, request.name, request.scaling)
    _set_capacity(aws, request.name, request.capacity)
    aws.do("autoscaling", "create_or_update_tags", Tags=_tags(request.name, {TOKEN_TAG: token}, is_passed_on=False))


def _tags(name: str, tags: dict[str, str], *, is_passed_on: bool) -> list[Json]:
    place = {"ResourceId": name, "ResourceType": "auto-scaling-group"}
    return [place | {"Key": key, "Value": value, "PropagateAtLaunch": is_passed_on} for key, value in tags.items()]


def _sizes(capacity: Capacity) -> Json:
    return {"MinSize": capacity.min, "MaxSize": capacity.max, "DesiredCapacity": capacity.desired}


def _set_capacity(aws: Aws, name: str, capacity: Capacity) -> None:
    aws.do("autoscaling", "update_auto_scaling_group", AutoScalingGroupName=name, **_sizes(capacity))


def _processes(name: str, processes: frozenset[str]) -> Json:
    return {"AutoScalingGroupName": name, "ScalingProcesses": sorted(processes)}


def _suspend(aws: Aws, name: str, processes: frozenset[str]) -> None:
    aws.do("autoscaling", "suspend_processes", **_processes(name, processes))


#: What is done with a service, an operation's arguments naming the balancer, and a batch of instances.
Change = Callable[[Aws, str, str, builtins.list[str]], None]


def register(aws: Aws, service: str, balancer: str, instances: builtins.list[str]) -> None:
    if service == "elbv2":
        aws.do("elbv2", "register_targets", TargetGroupArn=balancer, Targets=[{"Id": key} for key in instances])
    else:
        named = [{"InstanceId": key} for key in instances]
        aws.do("elb", "register_instances_with_load_balancer", LoadBalancerName=balancer, Instances=named)


def deregister(aws: Aws, service: str, balancer: str, instances: builtins.list[str]) -> None:
    """Only those that are there: AWS refuses to take out what is not in."""
    if service == "elbv2":
        known = reading.target_health(aws, balancer)
        there = [{"Id": key} for key in instances if key in known and known[key].get("State") != "draining"]
        if there:
            aws.do("elbv2", "deregister_targets", TargetGroupArn=balancer, Targets=there)
    else:
        known = reading.classic_health(aws, balancer)
        named = [{"InstanceId": key} for key in instances if key in known]
        if named:
            aws.do("elb", "deregister_instances_from_load_balancer", LoadBalancerName=balancer, Instances=named)


def for_balancers(
    aws: Aws,
    target_arns: builtins.list[str],
    classic: builtins.list[str],
    instances: builtins.list[str],
    change: Change,
) -> None:
    """The change for every load balancer, some instances a call. A load balancer that is gone is fine."""
    balancers = [("elbv2", arn) for arn in target_arns] + [("elb", name) for name in classic]
    for service, balancer in balancers:
        for start in range(0, len(instances), BATCH):
            with suppress(NotFound):
                change(aws, service, balancer, instances[start : start + BATCH])
