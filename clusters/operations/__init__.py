"""Writes: permission, validation, provider call, row, audit. Views, stages and the API call the same functions.

applications.py     create, update, delete
server_groups.py    what a step of an execution does to a server group: intend in a transaction, then do
scaling.py          scaling policies and scheduled actions of a server group
instances.py        terminate, reboot, register and deregister
images.py           bake, tag
load_balancers.py   upsert, delete
security_groups.py  upsert, delete
packages.py         upload
claims.py           one deployment to a cluster at a time
locks.py            one change to a cluster at a time
traffic_guards.py   no effect takes the last healthy, enabled server group of a guarded cluster away
places.py           the account, region and permissions every provider write starts from

In a block of rehearsing() they act on copies of the clouds.

A refused permission raises trust.permissions.Refused, what people typed wrong InvalidInput, what a pipeline holds wrong
core.values.InvalidValue; a provider's errors pass through unchanged.
"""

from __future__ import annotations

from clusters.providers.rehearsal import Copies, rehearsing

__all__ = ["Conflict", "Copies", "InvalidInput", "rehearsing"]


class InvalidInput(ValueError):
    """What somebody typed cannot be taken; `errors` is a sentence by field."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {message}" for field, message in errors.items()))
        self.errors = errors


class Conflict(InvalidInput):
    """The thing is no longer as it was when the form was opened, or is in use."""
