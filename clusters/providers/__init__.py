"""The clouds by key. base.py is their contract; each cloud is a folder with the same names inside.

aws/       Auto Scaling groups at Amazon
local/     processes on this host behind HAProxy
memory/    strict in-memory cloud with scripted faults, for tests; they register it: PROVIDERS["memory"] = MemoryCloud()
rehearsal.py copies of the clouds in memory, which a rehearsal gets instead
watched.py the view that `get_provider` hands out: every call passes a crash point before and after
"""

from __future__ import annotations

from clusters.providers.aws.cloud import AwsCloud
from clusters.providers.base import CloudProvider
from clusters.providers.local.cloud import LocalCloud
from clusters.providers.rehearsal import copy_of
from clusters.providers.watched import watch

PROVIDERS: dict[str, CloudProvider] = {
    "aws": AwsCloud(),
    "local": LocalCloud(),
}


def get_provider(key: str) -> CloudProvider:
    """The cloud that pipelines call `key`, in a rehearsal its copy. Raises KeyError when there is none."""
    return copy_of(PROVIDERS[key]) or watch(PROVIDERS[key])
