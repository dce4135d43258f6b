"""A small organisation to look at: three people, two accounts, an application with all that can be seen of one.

Rows only, as a provider would have reported them; nothing runs.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import Group, User
from django.utils import timezone

from clusters.core import naming
from clusters.core.values import Health, HealthCheck
from clusters.models import (
    Account,
    AccountPermission,
    Application,
    ApplicationPermission,
    Freshness,
    Image,
    Instance,
    Kind,
    LoadBalancer,
    SecurityGroup,
    ServerGroup,
)
from clusters.trust.permissions import Authorization

PASSWORD = "a password for tests only"
PROD, TEST = "prod", "test"
WEST, EAST, LOCAL = "eu-west-1", "us-east-1", "local"
SOURCES = {Health.DOWN: "GET /ready answered 503", Health.OUT_OF_SERVICE: "taken out of the load balancer"}


def build() -> Application:
    """ana may do everything in shop, ben may look, mallory has no role."""
    people()
    shop = application("shop", "storefront", "storefront@example.org")
    account(PROD, [WEST, EAST])
    account(TEST, [LOCAL])
    up, down, unknown, starting, out = Health.UP, Health.DOWN, Health.UNKNOWN, Health.STARTING, Health.OUT_OF_SERVICE
    server_group(PROD, WEST, "shop-prod-web-v019", "1.9.0", [up, up, starting, starting], minutes=3)
    server_group(PROD, WEST, "shop-prod-web-v018", "1.8.2", [up] * 4, minutes=8640)
    server_group(PROD, WEST, "shop-prod-web-v017", "1.8.1", [out] * 2, minutes=18720, is_disabled=True)
    server_group(PROD, EAST, "shop-prod-web-v018", "1.8.2", [up] * 6, minutes=8640)
    server_group(PROD, WEST, "shop-prod-worker-v031", "2.3.0", [up] * 4 + [down] * 2 + [unknown], minutes=120)
    server_group(PROD, WEST, "shop-prod-worker-v030", "2.2.9", [out], minutes=7200, is_disabled=True)
    server_group(TEST, LOCAL, "shop-test-web-v113", "1.9.1", [up] * 2, minutes=6)
    load_balancer(PROD, WEST, "shop-prod-web")
    load_balancer(PROD, WEST, "shop-prod-worker")
    load_balancer(TEST, LOCAL, "shop-test-web")
    firewall(PROD, WEST, "shop-prod", "The shop for everybody", [("0.0.0.0/0", 80, 443)])
    firewall(PROD, WEST, "shop-internal", "Operators", [("10.0.0.0/8", 8080, 8080), ("192.168.0.0/16", 9000, 9100)])
    return shop


def people() -> None:
    for name, roles in (("ana", ["storefront"]), ("ben", ["readers"]), ("mallory", [])):
        person = User.objects.create_user(name, password=PASSWORD)
        person.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])
    User.objects.create_superuser("root", password=PASSWORD)


def application(name: str, owner: str, email: str = "") -> Application:
    group = Group.objects.get_or_create(name=owner)[0]
    made = Application.objects.create(name=name, owner_role=group, owner_email=email)
    readers = Group.objects.get_or_create(name="readers")[0]
    ApplicationPermission.objects.create(application=made, role=readers, authorization=Authorization.READ)
    return made


def account(name: str, regions: list[str], provider: str = "memory") -> Account:
    made = Account.objects.create(name=name, provider=provider, regions=regions)
    for role, authorization in (("storefront", Authorization.WRITE), ("readers", Authorization.READ)):
        group = Group.objects.get_or_create(name=role)[0]
        AccountPermission.objects.create(account=made, role=group, authorization=authorization)
    for region in regions:
        for kind in Kind:
            Freshness.objects.create(account=made, region=region, kind=kind, refreshed_at=timezone.now())
    return made


def server_group(
    account: str,
    region: str,
    name: str,
    version: str,
    healths: list[Health],
    *,
    minutes: int = 60,
    is_disabled: bool = False,
) -> ServerGroup:
    moniker = naming.parse_or_raise(name)
    at = timezone.now() - timedelta(minutes=minutes)
    size = len(healths)
    made = ServerGroup.objects.create(
        account_id=account,
        region=region,
        name=name,
        application=moniker.app,
        stack=moniker.stack or "",
        detail=moniker.detail or "",
        cluster=moniker.cluster,
        sequence=moniker.sequence,
        min_size=size,
        desired_size=size,
        max_size=2 * size,
        image_id=f"{moniker.app}-{version}",
        image_name=f"{moniker.app}-{version}",
        package=moniker.app,
        version=version,
        is_disabled=is_disabled,
        load_balancers=[] if is_disabled else [moniker.cluster],
        security_groups=["shop-prod"] if account == PROD else [],
        **{health.name.lower(): healths.count(health) for health in Health},
        created_at=at,
        changed_at=at,
    )
    _image(made)
    Instance.objects.bulk_create(_instance(made, number, health, at) for number, health in enumerate(healths))
    return made


def load_balancer(account: str, region: str, name: str) -> LoadBalancer:
    instances = Instance.objects.filter(
        server_group__cluster=name, account=account, region=region, server_group__is_disabled=False
    )
    members = [
        {
            "instance": instance.instance_id,
            "health": instance.health,
            "reason": SOURCES.get(Health(instance.health), ""),
        }
        for instance in instances
    ]
    check = {name: getattr(HealthCheck(path="/ready"), name) for name in HealthCheck.__dataclass_fields__}
    return LoadBalancer.objects.create(
        account_id=account, region=region, name=name, application=name.split("-")[0], port=8080, protocol="HTTP",
        health_check=check, address="127.0.0.1:8080", members=members, changed_at=timezone.now(),
        security_groups=["shop-prod"] if account == PROD else [],
    )  # fmt: skip


def firewall(
    account: str, region: str, name: str, description: str, rules: list[tuple[str, int, int]]
) -> SecurityGroup:
    given = [{"cidr": cidr, "from_port": low, "to_port": high, "protocol": "tcp"} for cidr, low, high in rules]
    return SecurityGroup.objects.create(
        account_id=account, region=region, name=name, group_id=name, application=name.split("-")[0],
        description=description, rules=given, changed_at=timezone.now(),
    )  # fmt: skip


def _instance(group: ServerGroup, number: int, health: Health, at: datetime) -> Instance:
    reason = SOURCES.get(health, "")
    platform = "Up" if health is not Health.UNKNOWN else "Unknown"
    return Instance(
        account_id=group.account_id,
        region=group.region,
        instance_id=f"i-{group.pk:04x}{number:02x}",
        server_group=group,
        health=health,
        reports=[
            {"source": "Platform", "health": platform, "reason": ""},
            {"source": "LoadBalancer", "health": str(health), "reason": reason},
        ],
        zone=f"{group.region}a",
        address=f"127.0.0.1:{20000 + group.pk * 100 + number}",
        launched_at=at,
        changed_at=at,
    )


def _image(group: ServerGroup) -> None:
    Image.objects.get_or_create(
        account_id=group.account_id, region=group.region, image_id=group.image_id,
        defaults={
            "name": group.image_name, "package": group.package, "version": group.version, "base": "python-3.11",
            "created_at": group.created_at - timedelta(minutes=2), "changed_at": group.created_at,
        },
    )  # fmt: skip
