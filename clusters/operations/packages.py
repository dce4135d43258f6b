"""Uploading packages to a cloud that keeps them itself; WRITE on the account is needed."""

from __future__ import annotations

from typing import BinaryIO

from django.db import transaction

from clusters import queries
from clusters.core import values
from clusters.core.values import InvalidValue
from clusters.trust import audit
from clusters.trust.permissions import WRITE, Actor, require


def put(actor: Actor, account: str, name: str, version: str, archive: BinaryIO) -> values.Package:
    """The same bytes again give the same package. Raises Refused, InvalidValue, ProviderError."""
    row = queries.account_named(account)
    require(actor, WRITE, row)
    provider = queries.provider_of(row)
    if not provider.has_packages:
        raise InvalidValue("account", f"{provider.label} keeps no packages")
    package = provider.packages.put(name, version, archive)
    with transaction.atomic():
        after = {"account": account, "sha256": package.sha256, "size": package.size}
        audit.record(actor, "package.put", ("package", f"{name}-{version}"), after=after)
    return package
