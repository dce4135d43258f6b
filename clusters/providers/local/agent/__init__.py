"""The one-host cloud: `python -m clusters.providers.local.agent --data DIR --socket PATH`.

An own process with an own SQLite file; the site talks to it by HTTP over a unix socket and never shares a database.
The six parts of the provider contract are implemented here under the same names as in the client; around them:

web.py       the contract over HTTP               store.py records.py  what is remembered
fleet.py     the loop that makes it so            plan.py              what a group needs next (pure)
launching.py unpacks images, starts instances     layout.py            folders
keeper.py    holds the processes, so that they outlive this agent but not the launcher; processes.py talks to it
confine.py   takes rights away from a process before it becomes an instance; isolation.py says which
haproxy.py   HAProxy's generations and its runtime socket; haproxy_config.py renders (pure); balancing.py keeps servers
"""
