"""What is left of an execution when everything under it fails: real servers, real processes, real signals.

backend/       a database engine that comes to a crash point around every COMMIT
crew.py        worker processes that a test may kill, stop and continue
ground.py      where a case plays: a database of its own, the local cloud, the demo pipeline under a name of its own
case.py        one run of a pipeline with one fault in it, followed from outside
ledger.py      what must hold afterwards, and what must be as without a fault
mutants/       patches to the source under which these tests must fail

SPINNAKER_FAULTS=points (`make faults`) tries every point of the demo pipeline, SPINNAKER_FAULTS=all also what takes
too long for every day.
"""
