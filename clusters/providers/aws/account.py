"""What the `config` of an AWS account may say. It holds no secrets: credentials come from boto3's own chain."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clusters.core.values import InvalidValue

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512}")
_NAME = re.compile(r"[\w+=,.@-]{2,64}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d{1,2}")

Lookup = Callable[[str], "Account"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BakeConfig(_Strict):
    """Where and how images are made. `base_images` are ids by base and region; the base "" is the default."""

    base_images: dict[str, dict[str, str]] = {}
    instance_type: str = "t3.small"
    subnet_id: str = ""
    security_groups: tuple[str, ...] = ()
    iam_role: str = ""
    #: Lines of a root shell that install "$PACKAGE" in version "$VERSION"; what fails, fails the bake.
    install: str = 'apt-get update -q\nDEBIAN_FRONTEND=noninteractive apt-get install -qy "$PACKAGE=$VERSION"'


class Config(_Strict):
    """`profile` names one of the environment's; `role_arn` is assumed from there, with `external_id`."""

    profile: str = ""
    role_arn: str = ""
    external_id: str = ""
    session_name: str = "spinnaker"
    endpoint: str = ""
    vpc_id: str = ""
    default_security_groups: tuple[str, ...] = ()
    key_pair: str = ""
    instance_type: str = "t3.small"
    #: Accounts whose images count besides our own.
    image_owners: tuple[str, ...] = ()
    #: Port that instances listen on behind load balancers we make; 0 is the listener's own.
    instance_port: int = Field(default=0, ge=0, le=65535)
    load_balancer_scheme: str = Field(default="internal", pattern="^(internal|internet-facing)$")
    #: Purpose of the subnets that load balancers go to; "" are the default ones.
    load_balancer_subnet_type: str = ""
    #: Lines of a root shell that make an instance run "$PACKAGE" after it was installed anew.
    restart: str = 'systemctl restart "$PACKAGE"'
    bake: BakeConfig = BakeConfig()

    @model_validator(mode="after")
    def _safe(self) -> Config:
        if self.role_arn and not _ROLE.fullmatch(self.role_arn):
            raise ValueError("role_arn is not the ARN of a role")
        if self.role_arn and not self.external_id:
            raise ValueError("role_arn needs an external_id, which the role's trust policy asks for")
        if self.external_id and not self.role_arn:
            raise ValueError("external_id without role_arn means nothing")
        if not _NAME.fullmatch(self.session_name):
            raise ValueError("session_name may hold 2 to 64 letters, digits and +=,.@-_")
        return self


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the provider needs it."""

    regions: tuple[str, ...]
    config: Config


def parse(regions: Iterable[str], config: Mapping[str, Any]) -> Account:
    """Raises InvalidValue naming the setting."""
    for region in regions:
        if not isinstance(region, str) or not _REGION.fullmatch(region):
            raise InvalidValue("regions", f"{region!r} is not the name of a region, such as eu-west-1")
    try:
        return Account(tuple(regions), Config.model_validate(dict(config)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        raise InvalidValue(f"config.{path}" if path else "config", str(first["msg"])) from None


def from_rows(name: str) -> Account:
    """Of the account's row. Raises InvalidValue."""
    from clusters.models import Account as Row  # only here: the provider also works without Django

    row = Row.objects.filter(name=name).values("regions", "config").first()
    if row is None:
        raise InvalidValue("account", f"account {name!r} does not exist")
    return parse(row["regions"], row["config"])


def check_endpoint(endpoint: str, allowed_hosts: Iterable[str]) -> None:
    """Whom an endpoint's host stands for right now must be public, unless the installation allows the host by name.

    Raises InvalidValue. An allowed host is an address of a private network or this host's own; link-local addresses,
    where clouds keep credentials, are never.
    """
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise InvalidValue("config.endpoint", str(error)) from None
    is_allowed = host in set(allowed_hosts)
    if parts.scheme != "https" and not (is_allowed and parts.scheme == "http"):
        raise InvalidValue("config.endpoint", "is not an https:// address")
    if not host or parts.username or parts.password or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise InvalidValue("config.endpoint", "may hold a host and a port, and nothing else")
    for address in _addresses(host, port or 443):
        if _is_never(address) or not (address.is_global or is_allowed):
            raise InvalidValue("config.endpoint", f"{host} is {address}, which is not allowed")


def _addresses(host: str, port: int) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InvalidValue("config.endpoint", f"{host} cannot be found ({error})") from None
    return [_plain(ipaddress.ip_address(str(entry[4][0]).partition("%")[0])) for entry in found]


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 one stands for: mapped, 6to4, or by way of NAT64."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in ipaddress.ip_network("64:ff9b::/96"):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


_AMAZON_METADATA = ipaddress.ip_address("fd00:ec2::254")


def _is_never(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    unusual = address.is_link_local or address.is_multicast or address.is_unspecified
    return unusual or address == _AMAZON_METADATA
