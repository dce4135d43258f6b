"""Reads, each for an actor. Pages read rows, limited to what the actor may see; stages read the provider likewise.

live.py   the provider's state now
pages.py  rows of applications, accounts and inventory
tree.py   the clusters of an application as its page shows them
"""

from clusters.queries.live import (
    account_named,
    accounts_of,
    cluster_of,
    live_blueprint,
    live_cluster,
    live_image,
    live_images,
    live_load_balancer,
    live_scaling,
    live_server_group,
    packages,
    provider_named,
    provider_of,
    readable,
)
from clusters.queries.pages import (
    ServerGroupDetail,
    accounts_for,
    application_for,
    applications_for,
    freshness_for,
    images_for,
    instance_for,
    instance_log,
    instances_for,
    load_balancers_for,
    packages_for,
    security_groups_for,
    server_group_detail,
    server_groups_for,
)
from clusters.queries.tree import AccountNode, ClusterFilter, ClusterNode, ClusterTree, RegionNode, cluster_tree

__all__ = [
    "AccountNode",
    "ClusterFilter",
    "ClusterNode",
    "ClusterTree",
    "RegionNode",
    "ServerGroupDetail",
    "account_named",
    "accounts_for",
    "accounts_of",
    "application_for",
    "applications_for",
    "cluster_of",
    "cluster_tree",
    "freshness_for",
    "images_for",
    "instance_for",
    "instance_log",
    "instances_for",
    "live_blueprint",
    "live_cluster",
    "live_image",
    "live_images",
    "live_load_balancer",
    "live_scaling",
    "live_server_group",
    "load_balancers_for",
    "packages",
    "packages_for",
    "provider_named",
    "provider_of",
    "readable",
    "security_groups_for",
    "server_group_detail",
    "server_groups_for",
]
