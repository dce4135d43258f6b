"""Instances by way of the agent."""

from __future__ import annotations

from clusters.providers.local.client import Client


class Instances:
    def __init__(self, client: Client) -> None:
        self._call = client.call

    def terminate(self, account: str, region: str, instance_id: str) -> None:
        self._call("instances/terminate", type(None), account=account, region=region, instance_id=instance_id)

    def reboot(self, account: str, region: str, instance_id: str) -> None:
        self._call("instances/reboot", type(None), account=account, region=region, instance_id=instance_id)

    def patch(self, account: str, region: str, instance_id: str, package: str, version: str, token: str) -> None:
        place = {"account": account, "region": region, "instance_id": instance_id}
        self._call("instances/patch", type(None), **place, package=package, version=version, token=token)

    def register(self, account: str, region: str, load_balancer: str, instance_ids: tuple[str, ...]) -> None:
        self._balance("register", account, region, load_balancer, instance_ids)

    def deregister(self, account: str, region: str, load_balancer: str, instance_ids: tuple[str, ...]) -> None:
        self._balance("deregister", account, region, load_balancer, instance_ids)

    def _balance(
        self, method: str, account: str, region: str, load_balancer: str, instance_ids: tuple[str, ...]
    ) -> None:
        place = {"account": account, "region": region, "load_balancer": load_balancer}
        self._call(f"instances/{method}", type(None), instance_ids=instance_ids, **place)

    def log(self, account: str, region: str, instance_id: str) -> str:
        return self._call("instances/log", str, account=account, region=region, instance_id=instance_id)
