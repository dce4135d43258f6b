"""This host is one region."""

from clusters.providers.base import InvalidRequest
from clusters.providers.local import REGION


def check_region(region: str) -> None:
    if region != REGION:
        raise InvalidRequest(f"region {region} does not exist; this host is {REGION}", field="region")
