"""The clusters of an application as its page shows them: account > cluster > region > server groups with instances."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from clusters.models import Application, Freshness, Kind, ServerGroup
from clusters.queries.pages import freshness_for, server_groups_for
from clusters.trust.permissions import Actor


@dataclass(frozen=True, slots=True)
class ClusterFilter:
    """What to show; empty means everything. `states` are healths ("Up", "Down", …) and "Disabled".

    `text` is looked for in names, images, versions, load balancers and instance ids; "cluster:x" means that cluster.
    """

    text: str = ""
    accounts: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    stacks: frozenset[str] = frozenset()
    details: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()

    def shows(self, group: ServerGroup) -> bool:
        return (
            _is_in(group.account_id, self.accounts)
            and _is_in(group.region, self.regions)
            and _is_in(group.stack, self.stacks)
            and _is_in(group.detail, self.details)
            and (not self.states or not self.states.isdisjoint(_states(group)))
            and self._finds(group)
        )

    def _finds(self, group: ServerGroup) -> bool:
        if self.text.startswith("cluster:"):
            return group.cluster == self.text.removeprefix("cluster:").strip()
        texts = [group.name, group.image_id, group.image_name, group.version, *group.load_balancers]
        wanted = self.text.strip().lower()
        return any(wanted in text.lower() for text in texts) or any(
            wanted in instance.instance_id.lower() for instance in group.instances.all()
        )


@dataclass(frozen=True, slots=True)
class RegionNode:
    name: str
    server_groups: list[ServerGroup]


@dataclass(frozen=True, slots=True)
class ClusterNode:
    name: str
    account: str
    regions: list[RegionNode]


@dataclass(frozen=True, slots=True)
class AccountNode:
    name: str
    clusters: list[ClusterNode]


@dataclass(frozen=True, slots=True)
class ClusterTree:
    """`facets` are the values to filter by, of everything the actor may see: {"accounts": ["main"], …}."""

    accounts: list[AccountNode]
    facets: dict[str, list[str]]
    freshness: list[Freshness]


SHOW_ALL = ClusterFilter()


def cluster_tree(actor: Actor, application: Application, shown: ClusterFilter = SHOW_ALL) -> ClusterTree:
    """Three queries for any number of server groups; the newest server group comes first in its region."""
    groups = list(server_groups_for(actor, application).prefetch_related("instances"))
    facets = {
        "accounts": _distinct(group.account_id for group in groups),
        "regions": _distinct(group.region for group in groups),
        "stacks": _distinct(group.stack for group in groups),
        "details": _distinct(group.detail for group in groups),
    }
    nodes = _account_nodes([group for group in groups if shown.shows(group)])
    return ClusterTree(nodes, facets, list(freshness_for(actor, Kind.SERVER_GROUPS)))


def _account_nodes(groups: list[ServerGroup]) -> list[AccountNode]:
    groups.sort(key=attrgetter("account_id", "cluster", "region"))  # stable: within a region the newest stay first
    return [AccountNode(account, _cluster_nodes(account, rows)) for account, rows in _by("account_id", groups)]


def _cluster_nodes(account: str, groups: list[ServerGroup]) -> list[ClusterNode]:
    return [
        ClusterNode(cluster, account, [RegionNode(region, found) for region, found in _by("region", rows)])
        for cluster, rows in _by("cluster", groups)
    ]


def _by(column: str, groups: list[ServerGroup]) -> Iterator[tuple[str, list[ServerGroup]]]:
    return ((value, list(rows)) for value, rows in groupby(groups, key=attrgetter(column)))


def _states(group: ServerGroup) -> set[str]:
    healths = {instance.health for instance in group.instances.all()}
    return healths | {"Disabled"} if group.is_disabled else healths


def _is_in(value: str, wanted: frozenset[str]) -> bool:
    return not wanted or value in wanted


def _distinct(found: Iterable[str]) -> list[str]:
    return sorted({value for value in found if value})
