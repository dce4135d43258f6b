"""Which package in which version a bake means."""

from __future__ import annotations

from clusters import queries
from pipelines.core.plan import StepFailed


def package_and_version(account: str, package: str, version: str = "") -> tuple[str, str]:
    """Without a `version`: that of name_version[_arch], else the newest that was uploaded.

    Raises StepFailed when there is none, or when several packages are asked for.
    """
    if " " in package.strip():
        raise StepFailed(f"package: one image holds one package, not {package!r}.", field="package")
    if version:
        return package, version
    uploaded = [known for known in queries.packages(account) if known.name == package]
    if uploaded:
        return package, uploaded[0].version
    name, _, version = package.partition("_")
    if not version:
        raise StepFailed(f"package: no version of {package} has been uploaded.", field="package")
    return name, version.partition("_")[0]
