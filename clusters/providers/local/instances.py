"""Instances by way of the agent."""

from __future__ import annotations

from clusters.providers.local.client import Client


class Instances:
    def __init__(self, client: Client) -> None:
        self._call = client.call

    def terminate(self, account: str, region: str, instance_id: str) -> None:
        self._call("instances/terminate", type(None), account=account, region=region, instance_id=instance_id)

    def log(self, account: str, region: str, instance_id: str) -> str:
        return self._call("instances/log", str, account=account, region=region, instance_id=instance_id)
