"""Rows of clusters: what people decide (applications, accounts, permissions) and what providers report (inventory)."""

from clusters.models.account import Account, AccountPermission, Freshness, Kind
from clusters.models.application import Application, ApplicationPermission
from clusters.models.audit_entry import AuditEntry
from clusters.models.cluster_claim import ClusterClaim
from clusters.models.image import Image
from clusters.models.instance import Instance
from clusters.models.inventory_row import InventoryRow
from clusters.models.load_balancer import LoadBalancer
from clusters.models.name_reservation import NameReservation
from clusters.models.op_lock import OpLock
from clusters.models.secret import Secret
from clusters.models.security_group import SecurityGroup
from clusters.models.server_group import ServerGroup
from clusters.models.traffic_guard import TrafficGuard

__all__ = [
    "Account",
    "AccountPermission",
    "Application",
    "ApplicationPermission",
    "AuditEntry",
    "ClusterClaim",
    "Freshness",
    "Image",
    "Instance",
    "InventoryRow",
    "Kind",
    "LoadBalancer",
    "NameReservation",
    "OpLock",
    "Secret",
    "SecurityGroup",
    "ServerGroup",
    "TrafficGuard",
]
