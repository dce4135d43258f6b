"""Server groups by way of the agent."""

from __future__ import annotations

import builtins
from collections.abc import Mapping

from clusters.core.scaling import ScalingPolicy, ScheduledAction
from clusters.core.values import Capacity, Changes, ServerGroup, ServerGroupRequest
from clusters.providers.local.client import Client


class ServerGroups:
    def __init__(self, client: Client) -> None:
        self._call = client.call

    def list(self, account: str, region: str) -> builtins.list[ServerGroup]:
        return self._call("server_groups/list", builtins.list[ServerGroup], account=account, region=region)

    def changes(self, account: str, region: str, marks: Mapping[str, str]) -> Changes:
        return self._call("server_groups/changes", Changes, account=account, region=region, marks=marks)

    def get(self, account: str, region: str, name: str) -> ServerGroup:
        return self._call("server_groups/get", ServerGroup, account=account, region=region, name=name)

    def create(self, account: str, request: ServerGroupRequest, token: str) -> ServerGroup:
        return self._call("server_groups/create", ServerGroup, account=account, request=request, token=token)

    def resize(self, account: str, region: str, name: str, capacity: Capacity) -> None:
        self._change("resize", account, region, name, capacity=capacity)

    def disable(self, account: str, region: str, name: str) -> None:
        self._change("disable", account, region, name)

    def enable(self, account: str, region: str, name: str) -> None:
        self._change("enable", account, region, name)

    def suspend(self, account: str, region: str, name: str, processes: frozenset[str]) -> None:
        self._change("suspend", account, region, name, processes=processes)

    def resume(self, account: str, region: str, name: str, processes: frozenset[str]) -> None:
        self._change("resume", account, region, name, processes=processes)

    def put_policy(self, account: str, region: str, name: str, policy: ScalingPolicy) -> None:
        self._change("put_policy", account, region, name, policy=policy)

    def delete_policy(self, account: str, region: str, name: str, policy: str) -> None:
        self._change("delete_policy", account, region, name, policy=policy)

    def set_schedule(self, account: str, region: str, name: str, actions: tuple[ScheduledAction, ...]) -> None:
        self._change("set_schedule", account, region, name, actions=actions)

    def blueprint(self, account: str, region: str, name: str) -> ServerGroupRequest:
        return self._call("server_groups/blueprint", ServerGroupRequest, account=account, region=region, name=name)

    def destroy(self, account: str, region: str, name: str) -> None:
        self._change("destroy", account, region, name)

    def _change(self, method: str, account: str, region: str, name: str, **arguments: object) -> None:
        self._call(f"server_groups/{method}", type(None), account=account, region=region, name=name, **arguments)
