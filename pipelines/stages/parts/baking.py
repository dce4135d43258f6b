"""The fields of a bake, and which package in which version it means."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import field_validator

from clusters import queries
from clusters.trust.permissions import Actor
from pipelines.core.plan import StepFailed
from pipelines.stages.parts.place import AccountConfig

BUILDER_FIELDS = {
    "base_label",
    "base_ami",
    "ami_suffix",
    "vm_type",
    "store_type",
    "enhanced_networking",
    "root_volume_size",
    "template_file_name",
    "var_file_name",
}


class BakeConfig(AccountConfig):
    """`packageVersion` is ours: without it `package` is name_version[_arch], or the newest version uploaded."""

    also_known: ClassVar[frozenset[str]] = frozenset(
        {"user", "packageType", "packageArtifactIds", "showAdvancedOptions"}
    )

    package: str
    package_version: str = ""
    base_os: str = ""
    base_label: str = "release"
    base_ami: str = ""
    ami_name: str = ""
    ami_suffix: str = ""
    vm_type: str = ""
    store_type: str = ""
    #: Bake again although there is an image of the same contents.
    rebake: bool = False
    enhanced_networking: bool = False
    root_volume_size: str = ""
    template_file_name: str = ""
    var_file_name: str = ""
    extended_attributes: dict[str, str] = {}
    skip_region_detection: bool = False

    @field_validator("extended_attributes", mode="before")
    @classmethod
    def _as_text(cls, attributes: Any) -> Any:
        return _as_text(attributes) if isinstance(attributes, dict) else attributes

    @property
    def extra(self) -> dict[str, str]:
        """What the cloud's image builder may want to know besides, by its JSON name."""
        given = self.model_dump(by_alias=True, include=BUILDER_FIELDS)
        return _as_text({name: value for name, value in given.items() if value}) | self.extended_attributes


def _as_text(values: dict[str, Any]) -> dict[str, Any]:
    """true and false as image builders write them."""
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in values.items()}


def package_and_version(actor: Actor, account: str, package: str, version: str = "") -> tuple[str, str]:
    """Without a `version`: that of name_version[_arch], else the newest that was uploaded.

    Raises StepFailed when there is none, or when several packages are asked for.
    """
    if " " in package.strip():
        raise StepFailed(f"package: one image holds one package, not {package!r}.", field="package")
    if version:
        return package, version
    uploaded = [known for known in queries.packages(actor, account) if known.name == package]
    if uploaded:
        return package, uploaded[0].version
    name, _, version = package.partition("_")
    if not version and not queries.readable(actor, account).has_packages:
        raise StepFailed(
            f"package: say which version, as in {package}_1.2; account {account} keeps no packages to choose from.",
            field="package",
        )
    if not version:
        raise StepFailed(f"package: no version of {package} has been uploaded.", field="package")
    return name, version.partition("_")[0]
