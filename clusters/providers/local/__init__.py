"""The one-host cloud: processes on this machine behind HAProxy, run by an agent that this client talks to.

client.py                 HTTP over the agent's socket, errors of the contract
server_groups.py …        the contract's parts, a call each
archive.py                what a package archive may hold (docs/packages.md)
children.py               supervision of processes, also for `up`
agent/                    the cloud itself; imports none of the client
"""

from clusters.core.values import Process

#: The one region of this cloud.
REGION = "local"
#: There are no alarms and schedules here, and nothing fails by zone that would have to be balanced again.
PROCESSES = frozenset(
    {
        Process.LAUNCH,
        Process.TERMINATE,
        Process.HEALTH_CHECK,
        Process.REPLACE_UNHEALTHY,
        Process.ADD_TO_LOAD_BALANCER,
    }
)
#: Parts of it by name alone: instances are spread over them, and a load balancer may leave some out.
ZONES = ("local-a", "local-b", "local-c")
