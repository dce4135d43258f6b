"""Pure rules of what happens when: no Django, no network, no clock, no randomness.

status.py      statuses, their tone and word, allowed moves
config.py      typed settings read from JSON, with errors by their path
plan.py        what a stage type is made of: children, steps, intents, outcomes
definition.py  pipeline JSON to a spec, with problems that name the path
graph.py       order, upstream, joins, cycles
parameters.py  parameter values at start
snapshot.py    an execution as frozen values
decide.py      what is due now
"""
