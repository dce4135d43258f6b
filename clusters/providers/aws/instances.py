"""One instance: end it, restart it, put it into a load balancer or take it out, read its console."""

from __future__ import annotations

from contextlib import suppress

from clusters.providers.aws import launch, patching, server_groups
from clusters.providers.aws.client import Aws, Clients, Json
from clusters.providers.base import InvalidRequest, NotFound

#: As much of a console's end as is given back.
MOST_LOG = 64 * 1024


class Instances:
    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def terminate(self, account: str, region: str, instance_id: str) -> None:
        """By Auto Scaling, which sees at once that one is missing; by EC2 when no group has the instance."""
        aws = self._clients.at(account, region)
        members = aws.read("autoscaling", "describe_auto_scaling_instances", InstanceIds=[instance_id])
        with suppress(NotFound):
            if members["AutoScalingInstances"]:
                which = {"InstanceId": instance_id, "ShouldDecrementDesiredCapacity": False}
                aws.do("autoscaling", "terminate_instance_in_auto_scaling_group", **which)
            else:
                aws.do("ec2", "terminate_instances", InstanceIds=[instance_id])

    def reboot(self, account: str, region: str, instance_id: str) -> None:
        """EC2 restarts it in place; its load balancers notice by their checks."""
        aws = self._clients.at(account, region)
        find(aws, instance_id)
        aws.do("ec2", "reboot_instances", InstanceIds=[instance_id])

    def patch(self, account: str, region: str, instance_id: str, package: str, version: str, token: str) -> None:
        aws = self._clients.at(account, region)
        find(aws, instance_id)
        patching.start(aws, instance_id, package, version, token)

    def register(self, account: str, region: str, load_balancer: str, instance_ids: tuple[str, ...]) -> None:
        aws = self._clients.at(account, region)
        targets, classic = launch.find_balancers(aws, (load_balancer,))
        for instance_id in instance_ids:
            find(aws, instance_id)
        server_groups.for_balancers(aws, targets, classic, list(instance_ids), server_groups.register)

    def deregister(self, account: str, region: str, load_balancer: str, instance_ids: tuple[str, ...]) -> None:
        aws = self._clients.at(account, region)
        try:
            targets, classic = launch.find_balancers(aws, (load_balancer,))
        except InvalidRequest:  # it is gone, and with it the traffic
            return
        server_groups.for_balancers(aws, targets, classic, list(instance_ids), server_groups.deregister)

    def log(self, account: str, region: str, instance_id: str) -> str:
        aws = self._clients.at(account, region)
        find(aws, instance_id)
        return console(aws, instance_id)[-MOST_LOG:]


def find(aws: Aws, instance_id: str) -> Json:
    """EC2's description. Raises NotFound, also for one that has ended and is only remembered."""
    found = aws.read("ec2", "describe_instances", InstanceIds=[instance_id])["Reservations"]
    for instance in (one for reservation in found for one in reservation["Instances"]):
        if instance["State"]["Name"] not in ("terminated", "shutting-down"):
            return dict(instance)
    raise NotFound(f"instance {instance_id} does not exist in {aws.region}")


def console(aws: Aws, instance_id: str) -> str:
    """What it printed, as EC2 keeps it: some minutes late."""
    return str(aws.read("ec2", "get_console_output", InstanceId=instance_id).get("Output") or "")
