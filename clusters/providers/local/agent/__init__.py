"""The one-host cloud: `python -m clusters.providers.local.agent --data DIR --socket PATH`.

An own process with an own SQLite file; the site talks to it by HTTP over a unix socket and never shares a database.
The six parts of the provider contract are implemented here under the same names as in the client; around them:

web.py                    the contract over HTTP
store.py records.py       what is remembered
fleet.py leaving.py       the loop that makes it so, and the way out of an instance
plan.py                   what a group needs next (pure)
view.py                   one look at everything, as the contract's values
launching.py              unpacks images, starts instances
keeper.py processes.py    the parent of all processes, which outlives this agent but not the launcher; our side of it
haproxy.py                HAProxy's generations and its runtime socket
haproxy_config.py         renders its configuration (pure)
balancing.py              adds, drains and removes servers, and says how they do
layout.py ports.py regions.py
"""
