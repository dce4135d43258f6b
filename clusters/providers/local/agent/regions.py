"""This host is one region, with zones that are names."""

from collections.abc import Iterable

from clusters.providers.base import InvalidRequest
from clusters.providers.local import REGION, ZONES


def check_region(region: str) -> None:
    if region != REGION:
        raise InvalidRequest(f"region {region} does not exist; this host is {REGION}", field="region")


def check_zones(zones: Iterable[str]) -> None:
    for zone in zones:
        if zone not in ZONES:
            raise InvalidRequest(f"zone {zone} does not exist; there are {', '.join(ZONES)}", field="availabilityZones")
