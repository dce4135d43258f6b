"""The only code that changes an execution.

admit.py   the only inserter of executions
lease.py   a worker's right to act on one execution, fenced by an epoch
store.py   rows to snapshot; a decision to rows, in one statement
steps.py   try a step: look, or write down, do and find out
drive.py   claim, decide, write, try, again
sweep.py   what nobody was told about: due, abandoned, unsent
directory.py  what expressions may ask beside their execution
kin.py     executions that stages started: called off with them, their end told to them
timer.py   drives what falls due, in every worker process
work.py    long work beside executions: claimed, tended, ended
outbox.py  the only place that talks to the queue
restart.py a new attempt of a stage and all behind it
"""
