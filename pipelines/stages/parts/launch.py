"""The cluster map of a deployment: what is launched where, in Spinnaker's field names."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator, model_validator

from clusters.core.naming import Moniker as Name
from clusters.core.values import Capacity
from pipelines.core.plan import Json
from pipelines.stages.base import StageConfig
from pipelines.stages.parts.place import ClusterConfig, Moniker
from pipelines.strategies import custom, rolling_red_black

#: Fields that only AWS understands; they are passed on as they are.
_AWS = (
    "availabilityZones instanceType keyPair iamRole securityGroupNames subnetType subnetIds associatePublicIpAddress"
    " associateIPv6Address healthCheckType cooldown terminationPolicies enabledMetrics instanceMonitoring ebsOptimized"
    " base64UserData legacyUdf blockDevices blockDeviceTags useAmiBlockDeviceMappings lifecycleHooks"
    " includeAccountLifecycleHooks spotPrice kernelId ramdiskId setLaunchTemplate requireIMDSv2 unlimitedCpuCredits"
    " capacityRebalance enableEnclave placement licenseSpecifications onDemandAllocationStrategy onDemandBaseCapacity"
    " onDemandPercentageAboveBaseCapacity spotAllocationStrategy spotInstancePools"
    " launchTemplateOverridesForInstanceType copySourceCustomBlockDeviceMappings"
    " copySourceSubnetIdOverrides startDisabled ignoreSequence sequence"
)
AWS_FIELDS = frozenset(_AWS.split())


class Sizes(StageConfig):
    """min <= desired <= max."""

    min: int = Field(ge=0)
    desired: int = Field(ge=0)
    max: int = Field(ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> Sizes:
        if not self.min <= self.desired <= self.max:
            raise ValueError(f"min {self.min} <= desired {self.desired} <= max {self.max} does not hold")
        return self

    @property
    def value(self) -> Capacity:
        return Capacity(self.min, self.desired, self.max)


class Launch(rolling_red_black.Options, custom.Options, ClusterConfig):
    """One new server group. Fields that a strategy reads come from its Options."""

    needs_region: ClassVar[bool] = False
    also_known: ClassVar[frozenset[str]] = AWS_FIELDS

    application: str = ""
    stack: str = ""
    free_form_details: str = ""
    provider: str = ""
    availability_zones: dict[str, tuple[str, ...]] = Field(default={}, validate_default=True)
    strategy: str = ""
    use_source_capacity: bool = False
    #: Without a source, `capacity` is taken instead of failing.
    prefer_source_capacity: bool = False
    capacity: Sizes | None = Field(default=None, validate_default=True)
    image_id: str = ""
    ami_name: str = ""
    load_balancers: tuple[str, ...] = ()
    target_groups: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    suspended_processes: frozenset[str] = frozenset()
    #: Seconds.
    health_check_grace_period: int = Field(default=600, ge=0)
    environment: dict[str, str] = {}
    tags: dict[str, str] = {}
    #: From the server group that the new one takes over from, where the cloud has them.
    copy_source_scaling_policies_and_actions: bool = True

    @field_validator("availability_zones")
    @classmethod
    def _somewhere(cls, zones: dict[str, tuple[str, ...]], info: ValidationInfo) -> dict[str, tuple[str, ...]]:
        if not zones and not info.data.get("region") and not info.data.get("regions"):
            raise ValueError("name a region, here or as region")
        return zones

    @field_validator("capacity")
    @classmethod
    def _some_capacity(cls, capacity: Sizes | None, info: ValidationInfo) -> Sizes | None:
        takes_another = info.data.get("use_source_capacity") and not info.data.get("prefer_source_capacity")
        if capacity is None and not takes_another:
            raise ValueError("is needed: min, desired and max")
        return capacity

    @property
    def region_names(self) -> tuple[str, ...]:
        return (self.region,) if self.region else self.regions or tuple(self.availability_zones)

    @property
    def provider_key(self) -> str:
        return self.cloud_provider or self.cloud_provider_type or self.provider

    def name_in(self, application: str) -> Name:
        """The cluster's name; the stage's application unless the map names one."""
        return Name(self.application or application, self.stack or None, self.free_form_details or None)

    def cluster_place(self, application: str) -> Json:
        """As `place`, with the cluster that the parts of the name give."""
        name = self.name_in(application)
        moniker = Moniker(app=name.app, stack=self.stack, detail=self.free_form_details, cluster=name.cluster)
        return self.model_copy(update={"cluster": name.cluster, "moniker": moniker}).place

    def request(self, image_id: str, capacity: Capacity) -> dict[str, Any]:
        """What clusters.operations.server_groups.intend_create launches."""
        return {
            "image_id": image_id,
            "capacity": capacity.as_json(),
            "load_balancers": [*self.load_balancers, *self.target_groups],
            "security_groups": list(self.security_groups),
            "suspended_processes": sorted(self.suspended_processes),
            "health_check_grace_seconds": self.health_check_grace_period,
            "environment": self.environment,
            "tags": self.tags,
            "extra": self.extra,
        }

    @property
    def extra(self) -> Json:
        given = self.model_dump(by_alias=True, mode="json", exclude_unset=True)
        return {name: value for name, value in given.items() if name in AWS_FIELDS}
