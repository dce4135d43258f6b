"""Where a stage acts: an account, regions and a cluster, in Spinnaker's field names."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from clusters import queries
from clusters.core.values import ServerGroup
from clusters.providers.base import NotFound
from clusters.trust.permissions import Actor
from pipelines.core.plan import Json, StepFailed
from pipelines.stages.base import StageConfig, cloud_errors


class Moniker(StageConfig):
    also_known: ClassVar[frozenset[str]] = frozenset({"sequence"})

    app: str = ""
    stack: str = ""
    detail: str = ""
    cluster: str = ""


class AccountConfig(StageConfig):
    #: The account; `account` is its twin in cluster maps.
    credentials: str = ""
    account: str = ""
    cloud_provider: str = ""
    cloud_provider_type: str = ""
    region: str = ""
    regions: tuple[str, ...] = Field(default=(), validate_default=True)
    needs_region: ClassVar[bool] = True

    @field_validator("account")
    @classmethod
    def _one_account(cls, account: str, info: ValidationInfo) -> str:
        credentials = info.data.get("credentials") or account
        if account != credentials and "${" not in account + credentials:  # as saved, they may turn out the same
            raise ValueError(f"is {account}, while credentials is {credentials}; they name the same thing")
        return account

    @field_validator("regions")
    @classmethod
    def _some_region(cls, regions: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if cls.needs_region and not regions and not info.data.get("region"):
            raise ValueError("name at least one region")
        return regions

    @property
    def account_name(self) -> str:
        return self.credentials or self.account

    @property
    def provider_key(self) -> str:
        return self.cloud_provider or self.cloud_provider_type

    @property
    def region_names(self) -> tuple[str, ...]:
        return (self.region,) if self.region else self.regions


class ClusterConfig(AccountConfig):
    """A cluster in an account, in one region or several."""

    moniker: Moniker = Moniker()
    cluster: str = ""
    #: Sources of health that count ("LoadBalancer", "Platform" alias "Amazon"); empty: do not look at health.
    interesting_health_provider_names: tuple[str, ...] | None = None
    #: Percent of the instances that must be up.
    target_healthy_deploy_percentage: int = Field(default=100, ge=0, le=100)

    @property
    def cluster_name(self) -> str:
        return self.cluster or self.moniker.cluster

    @property
    def place(self) -> Json:
        """The fields by which a child finds the account and the cluster."""
        named = {
            "credentials": self.account_name,
            "cloudProvider": self.cloud_provider,
            "cloudProviderType": self.cloud_provider_type,
            "cluster": self.cluster_name,
            "moniker": self.moniker.model_dump(by_alias=True, exclude_defaults=True),
        }
        place = {name: value for name, value in named.items() if value}
        if self.interesting_health_provider_names is not None:
            place["interestingHealthProviderNames"] = list(self.interesting_health_provider_names)
        return place


def server_group_or_none(actor: Actor, account: str, region: str, name: str) -> ServerGroup | None:
    """None when it is gone or going."""
    with cloud_errors():
        try:
            group = queries.live_server_group(actor, account, region, name)
        except NotFound:
            return None
    return None if group.is_being_destroyed else group


def sole_account(actor: Actor, config: AccountConfig) -> str:
    """The account named, else the only one of the cloud named that the actor may READ.

    Raises StepFailed when that does not say which.
    """
    if config.account_name:
        return config.account_name
    accounts = queries.accounts_of(actor, config.provider_key)
    if len(accounts) == 1:
        return accounts[0]
    cloud = config.provider_key or "any cloud"
    raise StepFailed(f"account: say which; there are {len(accounts)} accounts of {cloud}.", field="account")
