"""An account at a provider: where server groups run, who may see it and deploy into it, how fresh its rows are."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import Group
from django.db import models
from django.utils import timezone

from clusters.trust.permissions import Actor, Authorization

#: Even the slowest account is read more often than this.
STALE_AFTER = timedelta(minutes=10)


class AccountQuerySet(models.QuerySet["Account"]):
    def visible_to(self, actor: Actor) -> AccountQuerySet:
        """Those the actor may READ."""
        return self._granted(actor, Authorization.READ)

    def writable_by(self, actor: Actor) -> AccountQuerySet:
        """Those the actor may deploy into."""
        return self._granted(actor, Authorization.WRITE)

    def enabled(self) -> AccountQuerySet:
        return self.filter(is_enabled=True)

    def _granted(self, actor: Actor, authorization: Authorization) -> AccountQuerySet:
        if actor.is_superuser:
            return self
        granted = AccountPermission.objects.filter(
            role__name__in=actor.roles, authorization__in=authorization.granted_by
        )
        return self.filter(pk__in=granted.values("account"))


class Account(models.Model):
    #: What pipelines call it (`credentials`, `account`). Inventory rows refer to it, so it never changes.
    name = models.SlugField(max_length=100, unique=True)
    #: Key in clusters.providers.
    provider = models.CharField(max_length=32)
    #: Names of the regions in use: ["eu-west-1", …].
    regions = models.JSONField(default=list)
    #: What the provider needs to reach it; secrets only as `secret:name` references.
    config = models.JSONField(default=dict, blank=True)
    is_enabled = models.BooleanField(default=True)

    kind = "account"
    objects = AccountQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def roles_granted(self, authorization: Authorization) -> frozenset[str]:
        granted = self.permissions.filter(authorization__in=authorization.granted_by)
        return frozenset(granted.values_list("role__name", flat=True))


class AccountPermission(models.Model):
    AUTHORIZATIONS = [(choice.value, choice.label) for choice in (Authorization.READ, Authorization.WRITE)]

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="permissions")
    role = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="+")
    authorization = models.CharField(max_length=8, choices=AUTHORIZATIONS)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "role", "authorization"], name="account_permission_once")
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.authorization} {self.account}"


class Kind(models.TextChoices):
    """What an account's region is asked for, in the order in which it is: the rows of one kind come of one report."""

    IMAGES = "images", "images"
    SERVER_GROUPS = "server_groups", "server groups"
    LOAD_BALANCERS = "load_balancers", "load balancers"
    SECURITY_GROUPS = "security_groups", "firewalls"


class Freshness(models.Model):
    """How old the rows of one kind in one account and region are: no older than `refreshed_at`, when they were last
    read as a whole. `error` is why the last try failed, empty when it did not.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="freshness", to_field="name")
    region = models.CharField(max_length=64)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    refreshed_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "freshness"
        constraints = [models.UniqueConstraint(fields=["account", "region", "kind"], name="freshness_once")]

    def __str__(self) -> str:
        return f"{self.account_id}/{self.region}/{self.kind}"

    @property
    def is_stale(self) -> bool:
        """Nobody has read them for so long that something must be wrong, though nobody has said what."""
        return not self.error and self.refreshed_at is not None and timezone.now() - self.refreshed_at > STALE_AFTER
