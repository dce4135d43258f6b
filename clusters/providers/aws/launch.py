"""A request turned into a launch template and an Auto Scaling group, and back into a request."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clusters.core.values import ServerGroupRequest
from clusters.providers.aws import places, reading, scaling
from clusters.providers.aws.client import Aws, Json, in_filters
from clusters.providers.base import TOKEN_TAG, InvalidRequest, NotFound

#: Tags of a launch template: which server group it is for, which processes its group was born without.
GROUP_TAG, SUSPENDED_TAG = "spinnaker-server-group", "spinnaker-suspended"
#: EC2 takes no more of user data, encoded.
MOST_USER_DATA = 16 * 1024

_ENVIRONMENT = "#!/bin/sh\ncat >> /etc/environment <<'SPINNAKER-ENVIRONMENT'\n{lines}SPINNAKER-ENVIRONMENT\n"
_ENVIRONMENT_READ = re.compile(
    r"^#!/bin/sh\ncat >> /etc/environment <<'(SPINNAKER-ENVIRONMENT)'\n(.*)\1\n\Z", re.DOTALL
)

#: Fields that change nothing here: they are Spinnaker's own, or are seen to elsewhere.
_NOT_SUPPORTED = (
    "onDemandAllocationStrategy",
    "onDemandBaseCapacity",
    "onDemandPercentageAboveBaseCapacity",
    "spotAllocationStrategy",
    "spotInstancePools",
    "launchTemplateOverridesForInstanceType",
    "includeAccountLifecycleHooks",
    "licenseSpecifications",
)
#: A field and where it stands in a launch template.
_SIMPLE = {"ebsOptimized": "EbsOptimized", "kernelId": "KernelId", "ramdiskId": "RamDiskId"}
_DISK = {
    "size": "VolumeSize",
    "volumeType": "VolumeType",
    "deleteOnTermination": "DeleteOnTermination",
    "iops": "Iops",
    "throughput": "Throughput",
    "snapshotId": "SnapshotId",
    "encrypted": "Encrypted",
    "kmsKeyId": "KmsKeyId",
}
_HOOK = {
    "name": "LifecycleHookName",
    "lifecycleTransition": "LifecycleTransition",
    "heartbeatTimeout": "HeartbeatTimeout",
    "defaultResult": "DefaultResult",
    "notificationTargetARN": "NotificationTargetARN",
    "roleARN": "RoleARN",
}


@dataclass(frozen=True)
class Parts:
    """What a request names, found: ids instead of names."""

    network: places.Network
    security_group_ids: list[str]
    target_arns: list[str]
    classic: list[str]


def find_parts(aws: Aws, request: ServerGroupRequest) -> Parts:
    """Raises InvalidRequest naming what does not exist."""
    extra = request.extra
    for name in _NOT_SUPPORTED:
        if extra.get(name):
            raise InvalidRequest(f"{name} is not supported", field=name)
    _check_image(aws, request.image_id)
    network = places.network(
        aws,
        ids=extra.get("subnetIds") or (),
        purpose=extra.get("subnetType") or "",
        zones=request.zones,
        target="ec2",
    )
    names = (*request.security_groups, *(extra.get("securityGroupNames") or ()), *aws.config.default_security_groups)
    groups = places.security_group_ids(aws, names, network.vpc_id)
    targets, classic = find_balancers(aws, request.load_balancers)
    return Parts(network, groups, targets, classic)


def _check_image(aws: Aws, image_id: str) -> None:
    try:
        found = aws.read("ec2", "describe_images", ImageIds=[image_id])["Images"]
    except (NotFound, InvalidRequest):
        found = []
    if not found:
        raise InvalidRequest(f"image {image_id} does not exist in {aws.region}", field="imageId")


def find_balancers(aws: Aws, names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """ARNs of the target groups, and classic load balancers, that have these names."""
    if not names:
        return [], []
    groups = aws.pages("elbv2", "describe_target_groups", "TargetGroups")
    targets = {group["TargetGroupName"]: group["TargetGroupArn"] for group in groups}
    left = [name for name in names if name not in targets]
    if left:
        known = aws.pages("elb", "describe_load_balancers", "LoadBalancerDescriptions")
        missing = set(left) - {balancer["LoadBalancerName"] for balancer in known}
        if missing:
            raise InvalidRequest(f"load balancer {min(missing)} does not exist in {aws.region}", field="loadBalancers")
    return [targets[name] for name in names if name in targets], left


def template_name(group: str, token: str) -> str:
    """One for a token, so that two attempts to make a group never share a template by chance."""
    plain = re.sub(r"[^a-zA-Z0-9().\-/_]", "_", group)[:100]
    return f"{plain}-{hashlib.sha256(f'{group} {token}'.encode()).hexdigest()[:16]}"


def template_tags(group: str, token: str, suspended: frozenset[str]) -> list[Json]:
    tags = {TOKEN_TAG: token, GROUP_TAG: group, SUSPENDED_TAG: " ".join(sorted(suspended))}
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def template_data(aws: Aws, request: ServerGroupRequest, parts: Parts) -> Json:
    extra = request.extra
    data: Json = {
        "ImageId": request.image_id,
        "InstanceType": extra.get("instanceType") or aws.config.instance_type,
        "MetadataOptions": {"HttpTokens": "optional" if extra.get("requireIMDSv2") is False else "required"},
        **{theirs: extra[ours] for ours, theirs in _SIMPLE.items() if extra.get(ours)},
    }
    if key := extra.get("keyPair") or aws.config.key_pair:
        data["KeyName"] = key
    if role := extra.get("iamRole"):
        data["IamInstanceProfile"] = {"Arn" if str(role).startswith("arn:") else "Name": role}
    if user_data := _user_data(request):
        data["UserData"] = user_data
    if extra.get("instanceMonitoring") is not None:
        data["Monitoring"] = {"Enabled": bool(extra["instanceMonitoring"])}
    if extra.get("unlimitedCpuCredits") is not None:
        data["CreditSpecification"] = {"CpuCredits": "unlimited" if extra["unlimitedCpuCredits"] else "standard"}
    if extra.get("enableEnclave"):
        data["EnclaveOptions"] = {"Enabled": True}
    if extra.get("spotPrice"):
        data["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": {"MaxPrice": str(extra["spotPrice"])}}
    if extra.get("blockDevices"):
        data["BlockDeviceMappings"] = [_disk(device) for device in extra["blockDevices"]]
    if extra.get("blockDeviceTags"):
        tags = [{"Key": key, "Value": str(value)} for key, value in extra["blockDeviceTags"].items()]
        data["TagSpecifications"] = [{"ResourceType": "volume", "Tags": tags}]
    return data | _interface(extra, parts.security_group_ids)


def _interface(extra: Mapping[str, Any], groups: list[str]) -> Json:
    """Public and IPv6 addresses are properties of a network interface, which then holds the security groups."""
    is_public, is_ipv6 = extra.get("associatePublicIpAddress"), extra.get("associateIPv6Address")
    if is_public is None and not is_ipv6:
        return {"SecurityGroupIds": groups} if groups else {}
    interface: Json = {"DeviceIndex": 0, "DeleteOnTermination": True}
    if groups:
        interface["Groups"] = groups
    if is_public is not None:
        interface["AssociatePublicIpAddress"] = bool(is_public)
    if is_ipv6:
        interface["Ipv6AddressCount"] = 1
    return {"NetworkInterfaces": [interface]}


def _disk(device: Mapping[str, Any]) -> Json:
    if device.get("virtualName"):
        return {"DeviceName": device["deviceName"], "VirtualName": device["virtualName"]}
    if "deviceName" not in device:
        raise InvalidRequest("each block device needs a deviceName", field="blockDevices")
    return {
        "DeviceName": device["deviceName"],
        "Ebs": {theirs: device[ours] for ours, theirs in _DISK.items() if device.get(ours) is not None},
    }


def _user_data(request: ServerGroupRequest) -> str:
    """The given one, or a script that adds the environment to the host's; encoded."""
    given = request.extra.get("base64UserData") or ""
    if given and request.environment:
        raise InvalidRequest("base64UserData and environment exclude each other", field="environment")
    if any("\n" in text or "\r" in text for pair in request.environment.items() for text in pair):
        raise InvalidRequest("a variable of the environment is one line", field="environment")
    if request.environment:
        lines = "".join(f"{name}={value}\n" for name, value in request.environment.items())
        given = base64.b64encode(_ENVIRONMENT.format(lines=lines).encode()).decode()
    try:
        base64.b64decode(given, validate=True)
    except binascii.Error as error:
        raise InvalidRequest(f"base64UserData is not Base64: {error}", field="base64UserData") from None
    if len(given) > MOST_USER_DATA:
        field = "environment" if request.environment else "base64UserData"
        raise InvalidRequest(f"user data may hold {MOST_USER_DATA} characters, encoded", field=field)
    return str(given)


def group_arguments(request: ServerGroupRequest, parts: Parts) -> Json:
    """Of create_auto_scaling_group, but name, template, capacity and tags."""
    extra = request.extra
    given: Json = {
        "VPCZoneIdentifier": ",".join(parts.network.subnet_ids),
        "HealthCheckGracePeriod": request.health_check_grace_seconds,
        "HealthCheckType": extra.get("healthCheckType") or "EC2",
        "DefaultCooldown": 10 if (cooldown := extra.get("cooldown")) in (None, "") else int(cooldown),
        "TerminationPolicies": list(extra.get("terminationPolicies") or ("Default",)),
    }
    if parts.target_arns:
        given["TargetGroupARNs"] = parts.target_arns
    if parts.classic:
        given["LoadBalancerNames"] = parts.classic
    if extra.get("capacityRebalance"):
        given["CapacityRebalance"] = True
    if extra.get("placement"):
        given["PlacementGroup"] = str(extra["placement"])
    if extra.get("lifecycleHooks"):
        given["LifecycleHookSpecificationList"] = [
            {theirs: hook[ours] for ours, theirs in _HOOK.items() if hook.get(ours) is not None}
            for hook in extra["lifecycleHooks"]
        ]
    return given


def as_request(aws: Aws, group: Json, data: Json) -> ServerGroupRequest:
    """What would make the like of a group: `data` is what its launch template or configuration holds."""
    environment, user_data = _read_user_data(data.get("UserData", ""))
    tags = {key: value for key, value in reading.own_tags(group).items() if key != TOKEN_TAG}
    ids = reading.security_groups_of(data)
    names = places.security_group_names(aws, ids)
    return ServerGroupRequest(
        region=aws.region,
        name=group["AutoScalingGroupName"],
        image_id=data.get("ImageId", ""),
        capacity=reading.capacity_of(group),
        load_balancers=reading.balancers_of(group),
        security_groups=tuple(names[key] for key in ids),
        suspended_processes=_born_without(aws, group),
        health_check_grace_seconds=int(group.get("HealthCheckGracePeriod", 0)),
        environment=environment,
        tags=tags,
        extra={
            **_extra_of_group(aws, group),
            **_extra_of_launch(data),
            **({"base64UserData": user_data} if user_data else {}),
        },
        scaling=scaling.told(aws, [group])(group["AutoScalingGroupName"]),
    )


def _read_user_data(encoded: str) -> tuple[dict[str, str], str]:
    """The environment, or what else it is, encoded."""
    try:
        ours = _ENVIRONMENT_READ.match(base64.b64decode(encoded).decode())
    except ValueError:
        ours = None
    if ours is None:
        return {}, encoded
    pairs = (line.partition("=") for line in ours[2].splitlines())
    return {name: value for name, _, value in pairs}, ""


def _born_without(aws: Aws, group: Json) -> frozenset[str]:
    """The processes it was made without, which its launch template remembers."""
    template = reading.template_of(group)
    if template is None:
        return frozenset()
    filters = in_filters("launch-template-name", [template["LaunchTemplateName"]])
    for found in aws.pages("ec2", "describe_launch_templates", "LaunchTemplates", Filters=filters):
        return frozenset(places.tags_of(found).get(SUSPENDED_TAG, "").split())
    return frozenset()


def _extra_of_group(aws: Aws, group: Json) -> Json:
    """The fields that only AWS understands, by the names in a pipeline: those of the group itself."""
    extra: Json = {
        "subnetIds": [name for name in group.get("VPCZoneIdentifier", "").split(",") if name],
        "healthCheckType": group.get("HealthCheckType", "EC2"),
        "cooldown": group.get("DefaultCooldown", 0),
        "terminationPolicies": group.get("TerminationPolicies", []),
    }
    if metrics := group.get("EnabledMetrics"):
        extra["enabledMetrics"] = sorted(metric["Metric"] for metric in metrics)
    if group.get("CapacityRebalance"):
        extra["capacityRebalance"] = True
    if group.get("PlacementGroup"):
        extra["placement"] = group["PlacementGroup"]
    name = group["AutoScalingGroupName"]
    if hooks := aws.read("autoscaling", "describe_lifecycle_hooks", AutoScalingGroupName=name)["LifecycleHooks"]:
        extra["lifecycleHooks"] = [
            {ours: hook[theirs] for ours, theirs in _HOOK.items() if hook.get(theirs) is not None} for hook in hooks
        ]
    return extra


def _extra_of_launch(data: Json) -> Json:
    """Likewise, those of what it launches."""
    extra: Json = {
        "instanceType": data.get("InstanceType", ""),
        **{ours: data[theirs] for ours, theirs in _SIMPLE.items() if data.get(theirs)},
        **_switches(data),
    }
    if data.get("KeyName"):
        extra["keyPair"] = data["KeyName"]
    profile = data.get("IamInstanceProfile")
    if profile:
        extra["iamRole"] = profile if isinstance(profile, str) else profile.get("Arn") or profile.get("Name")
    if spot := data.get("SpotPrice") or data.get("InstanceMarketOptions", {}).get("SpotOptions", {}).get("MaxPrice"):
        extra["spotPrice"] = spot
    if devices := data.get("BlockDeviceMappings"):
        extra["blockDevices"] = [_read_disk(device) for device in devices]
    for tags in data.get("TagSpecifications", []):
        if tags["ResourceType"] == "volume":
            extra["blockDeviceTags"] = {tag["Key"]: tag["Value"] for tag in tags["Tags"]}
    return extra


def _switches(data: Json) -> Json:
    """What is on or off, where that is said."""
    extra: Json = {}
    monitoring: Json = (
        data.get("Monitoring") or data.get("InstanceMonitoring") or {}
    )  # a launch configuration's word for it
    if "Enabled" in monitoring:
        extra["instanceMonitoring"] = monitoring["Enabled"]
    if credits := data.get("CreditSpecification", {}).get("CpuCredits"):
        extra["unlimitedCpuCredits"] = credits == "unlimited"
    if data.get("EnclaveOptions", {}).get("Enabled"):
        extra["enableEnclave"] = True
    for interface in data.get("NetworkInterfaces", []):
        if "AssociatePublicIpAddress" in interface:
            extra["associatePublicIpAddress"] = interface["AssociatePublicIpAddress"]
        if interface.get("Ipv6AddressCount"):
            extra["associateIPv6Address"] = True
    if data.get("MetadataOptions", {}).get("HttpTokens") == "optional":
        extra["requireIMDSv2"] = False
    return extra


def _read_disk(device: Json) -> Json:
    ebs = device.get("Ebs", {})
    virtual = {"virtualName": device["VirtualName"]} if device.get("VirtualName") else {}
    return {"deviceName": device["DeviceName"], **virtual} | {
        ours: ebs[theirs] for ours, theirs in _DISK.items() if ebs.get(theirs) is not None
    }
