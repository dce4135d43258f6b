"""Load balancers by way of the agent."""

from __future__ import annotations

import builtins

from clusters.core.values import LoadBalancer, LoadBalancerRequest
from clusters.providers.local.client import Client


class LoadBalancers:
    def __init__(self, client: Client) -> None:
        self._call = client.call

    def list(self, account: str, region: str) -> builtins.list[LoadBalancer]:
        return self._call("load_balancers/list", builtins.list[LoadBalancer], account=account, region=region)

    def get(self, account: str, region: str, name: str) -> LoadBalancer:
        return self._call("load_balancers/get", LoadBalancer, account=account, region=region, name=name)

    def upsert(self, account: str, request: LoadBalancerRequest) -> LoadBalancer:
        return self._call("load_balancers/upsert", LoadBalancer, account=account, request=request)

    def delete(self, account: str, region: str, name: str) -> None:
        self._call("load_balancers/delete", type(None), account=account, region=region, name=name)
