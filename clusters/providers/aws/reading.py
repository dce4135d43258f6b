"""Server groups as values. A whole region takes one describe per kind of thing, not one per group; only the health of
targets has to be asked for by target group.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from clusters.core.digests import digest_of_sets
from clusters.core.scaling import Scaling
from clusters.core.values import Capacity, HealthReport, Instance, ServerGroup, sum_up
from clusters.providers.aws import health, patching, places, scaling
from clusters.providers.aws.client import Aws, Json, in_filters
from clusters.providers.base import NotFound

#: EC2 takes no more values in a filter.
MOST_VALUES = 200
#: For so many templates it takes fewer calls to ask for each than for all there are.
FEW_TEMPLATES = 5
#: The token of a group that is not whole yet: it has no TOKEN_TAG before its last call.
BEGUN_TAG = "spinnaker-step-begun"
_OWN = frozenset({BEGUN_TAG})


@dataclass
class Facts:
    """What groups refer to. Instances by id, templates by (id, version), health by load balancer and instance."""

    templates: dict[tuple[str, str], Json] = field(default_factory=dict)
    configurations: dict[str, Json] = field(default_factory=dict)
    instances: dict[str, Json] = field(default_factory=dict)
    patches: dict[str, tuple[dict[str, str], dict[str, str]]] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    firewalls: dict[str, str] = field(default_factory=dict)
    targets: dict[str, dict[str, Json]] = field(default_factory=dict)
    classic: dict[str, dict[str, Json]] = field(default_factory=dict)
    scaling: Callable[[str], Scaling] = lambda _: Scaling()


def raw_groups(aws: Aws, *names: str) -> list[Json]:
    arguments: Json = {"AutoScalingGroupNames": list(names)} if names else {}
    return aws.pages("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", **arguments)


def raw_group(aws: Aws, name: str) -> Json:
    """Raises NotFound."""
    found = raw_groups(aws, name)
    if not found:
        raise NotFound(f"server group {name} does not exist in {aws.region}")
    return found[0]


def mark(group: Json) -> str:
    """Changes with whatever Auto Scaling says of the group and its instances."""
    return digest_of_sets(group)


def values_of(aws: Aws, groups: list[Json]) -> list[ServerGroup]:
    facts = _facts(aws, groups)
    return [_value(aws, group, facts) for group in groups]


def target_name(arn: str) -> str:
    return arn.split("/")[1]


def template_of(group: Json) -> Json | None:
    """The launch template that a group names: its id and version."""
    template: Json | None = group.get("LaunchTemplate")
    return template or group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get(
        "LaunchTemplateSpecification"
    )


def security_groups_of(data: Json) -> list[str]:
    """Ids that a launch template or configuration names."""
    interfaces = [group for nic in data.get("NetworkInterfaces", []) for group in nic.get("Groups", [])]
    named: list[str] = data.get("SecurityGroupIds") or data.get("SecurityGroups") or []
    return named + interfaces


def templates(aws: Aws, groups: list[Json]) -> dict[tuple[str, str], Json]:
    """LaunchTemplateData by template's id and version, for all groups in one list of calls."""
    named: dict[str, set[str]] = {}
    for group in groups:
        if template := template_of(group):
            named.setdefault(template["LaunchTemplateId"], set()).add(_version(template))
    if len(named) <= FEW_TEMPLATES:
        asked: list[Json] = [{"LaunchTemplateId": key, "Versions": sorted(which)} for key, which in named.items()]
    else:
        asked = [{"Versions": ["$Default", "$Latest"]}]
    found: list[Json] = []
    for which in asked:
        with suppress(NotFound):  # deleted behind its group's back
            found += aws.pages("ec2", "describe_launch_template_versions", "LaunchTemplateVersions", **which)
    data: dict[tuple[str, str], Json] = {}
    newest: dict[str, int] = {}
    for version in found:
        key, number = version["LaunchTemplateId"], int(version["VersionNumber"])
        data[key, str(number)] = version["LaunchTemplateData"]
        if version.get("DefaultVersion"):
            data[key, "$Default"] = version["LaunchTemplateData"]
        if number >= newest.get(key, 0):
            newest[key] = number
            data[key, "$Latest"] = version["LaunchTemplateData"]
    return data


def _version(template: Json) -> str:
    return template.get("Version") or "$Default"


def launch_data(group: Json, templates: dict[tuple[str, str], Json], configurations: dict[str, Json]) -> Json:
    if template := template_of(group):
        return templates.get((template["LaunchTemplateId"], _version(template)), {})
    return configurations.get(group.get("LaunchConfigurationName", ""), {})


def configurations(aws: Aws, groups: list[Json]) -> dict[str, Json]:
    """Launch configurations of groups that other tools made."""
    if not any(group.get("LaunchConfigurationName") for group in groups):
        return {}
    found = aws.pages("autoscaling", "describe_launch_configurations", "LaunchConfigurations")
    return {configuration["LaunchConfigurationName"]: configuration for configuration in found}


def _facts(aws: Aws, groups: list[Json]) -> Facts:
    if not groups:
        return Facts()
    facts = Facts(
        templates=templates(aws, groups), configurations=configurations(aws, groups), scaling=scaling.told(aws, groups)
    )
    facts.instances = instances_of(aws, groups)
    facts.patches = {key: patching.patches(aws, instance) for key, instance in facts.instances.items()}
    data = [launch_data(group, facts.templates, facts.configurations) for group in groups]
    facts.images = image_names(aws, {_image_id(group, one, facts) for group, one in zip(groups, data, strict=True)})
    facts.firewalls = places.security_group_names(aws, {key for one in data for key in security_groups_of(one)})
    for arn in {arn for group in groups for arn in group.get("TargetGroupARNs", [])}:
        facts.targets[arn] = target_health(aws, arn)
    for name in {name for group in groups for name in group.get("LoadBalancerNames", [])}:
        facts.classic[name] = classic_health(aws, name)
    return facts


def instances_of(aws: Aws, groups: list[Json]) -> dict[str, Json]:
    """EC2's instances of Auto Scaling groups, by id; without those that EC2 does not know yet."""
    ids = [member["InstanceId"] for group in groups for member in group.get("Instances", [])]
    found: dict[str, Json] = {}
    for start in range(0, len(ids), MOST_VALUES):
        filters = in_filters("instance-id", ids[start : start + MOST_VALUES])
        reservations = aws.pages("ec2", "describe_instances", "Reservations", Filters=filters)
        found |= {instance["InstanceId"]: instance for one in reservations for instance in one["Instances"]}
    return found


def image_names(aws: Aws, ids: set[str]) -> dict[str, str]:
    wanted = sorted(ids - {""})
    names: dict[str, str] = {}
    for start in range(0, len(wanted), MOST_VALUES):
        filters = in_filters("image-id", wanted[start : start + MOST_VALUES])
        found = aws.pages("ec2", "describe_images", "Images", Filters=filters)
        names |= {image["ImageId"]: image.get("Name", "") for image in found}
    return names


def target_health(aws: Aws, arn: str) -> dict[str, Json]:
    """TargetHealth by instance; nothing when the target group is gone."""
    try:
        found = aws.read("elbv2", "describe_target_health", TargetGroupArn=arn)["TargetHealthDescriptions"]
    except NotFound:
        return {}
    return {target["Target"]["Id"]: target["TargetHealth"] for target in found}


def classic_health(aws: Aws, name: str) -> dict[str, Json]:
    """InstanceState by instance; nothing when the load balancer is gone."""
    try:
        found = aws.read("elb", "describe_instance_health", LoadBalancerName=name)["InstanceStates"]
    except NotFound:
        return {}
    return {state["InstanceId"]: state for state in found}


def _image_id(group: Json, data: Json, facts: Facts) -> str:
    """What it launches, else what its instances run."""
    running = (facts.instances.get(member["InstanceId"], {}) for member in group.get("Instances", []))
    return data.get("ImageId") or next((i["ImageId"] for i in running if i.get("ImageId")), "")


def aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def capacity_of(group: Json) -> Capacity:
    """Auto Scaling may be on its way: what it wants is kept within its own bounds."""
    low, high = group["MinSize"], max(group["MinSize"], group["MaxSize"])
    return Capacity(low, min(max(group["DesiredCapacity"], low), high), high)


def suspended_of(group: Json) -> frozenset[str]:
    return frozenset(process["ProcessName"] for process in group.get("SuspendedProcesses", []))


def own_tags(group: Json) -> dict[str, str]:
    return {key: value for key, value in places.tags_of(group).items() if key not in _OWN}


def balancers_of(group: Json) -> tuple[str, ...]:
    return (*group.get("LoadBalancerNames", []), *(target_name(arn) for arn in group.get("TargetGroupARNs", [])))


def _value(aws: Aws, group: Json, facts: Facts) -> ServerGroup:
    data = launch_data(group, facts.templates, facts.configurations)
    image_id = _image_id(group, data, facts)
    return ServerGroup(
        account=aws.account,
        region=aws.region,
        name=group["AutoScalingGroupName"],
        capacity=capacity_of(group),
        image_id=image_id,
        image_name=facts.images.get(image_id, ""),
        created_at=aware(group["CreatedTime"]),
        instances=tuple(_instance(member, group, facts) for member in group.get("Instances", [])),
        load_balancers=balancers_of(group),
        security_groups=tuple(facts.firewalls.get(key, key) for key in security_groups_of(data)),
        suspended_processes=suspended_of(group),
        tags=own_tags(group),
        is_being_destroyed=bool(group.get("Status")),
        scaling=facts.scaling(group["AutoScalingGroupName"]),
    )


def _instance(member: Json, group: Json, facts: Facts) -> Instance:
    instance_id = member["InstanceId"]
    instance = facts.instances.get(instance_id)
    reports: tuple[HealthReport, ...] = (health.platform(member, instance),)
    for name in group.get("LoadBalancerNames", []):
        reports += (health.of_classic(name, facts.classic[name].get(instance_id)),)
    for arn in group.get("TargetGroupARNs", []):
        reports += (health.of_target(target_name(arn), facts.targets[arn].get(instance_id)),)
    told = instance or {}
    launched = told.get("LaunchTime")
    patched, failed = facts.patches.get(instance_id, ({}, {}))
    return Instance(
        id=instance_id,
        health=sum_up(reports),
        reports=reports,
        zone=member.get("AvailabilityZone", ""),
        address=told.get("PublicIpAddress") or told.get("PrivateIpAddress") or "",
        launched_at=aware(launched) if launched else None,
        patched=patched,
        failed_patches=failed,
    )
