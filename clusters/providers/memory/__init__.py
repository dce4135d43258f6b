"""A cloud in memory, as strict as AWS, for tests: nothing sleeps, and faults come as scripted.

    cloud = MemoryCloud()                                   # each read shows the world, then moves it on one tick
    image = cloud.add_image("acme", "local", "api-1.0.0")
    cloud.fail("server_groups.create", Unavailable("lost"), after_doing=True)
    cloud.never_healthy("api-main-v001")

A new group has no instances at first; one tick launches them (Starting), the next brings them Up. A group that is
being destroyed, a draining instance and a running bake each end at the next tick. With `auto=False` only `advance()`
moves the world. `lag=n` hides new server groups from reads (not from creates) for n ticks, as AWS does.

cloud.py  MemoryCloud: what tests script       faults.py  scripted faults, the record of calls
world.py  what exists and how it goes on       server_groups.py parts.py   the parts of the contract
"""

from clusters.providers.memory.cloud import MemoryCloud
from clusters.providers.memory.faults import Call

__all__ = ["Call", "MemoryCloud"]
