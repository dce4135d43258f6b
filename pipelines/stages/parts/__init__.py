"""What several stage types are made of; none of these files is a stage type.

place.py         where a stage acts: account, regions, cluster
pace.py          how often to look, and how long at most
health.py        which instances count as up, how many are needed, and waiting for them
claiming.py      the effect that has a cluster to itself until a deployment has ended
changes.py       the effect that resizes, disables, enables or destroys a frozen list of server groups
target.py        a stage about one server group per region, named or found by its place in the cluster
cluster_wide.py  a stage about all server groups of a cluster but the few to keep
regional.py      a stage that works in one region at a time, and the effect of one call
instance_work.py a stage about instances named by their ids
creating.py      a stage that makes one server group, waits for its health and hands over to the strategy
launch.py        the cluster map of a deployment
work.py          long work beside the execution: submitting and following it
images.py        which image a deployment launches, and which regions need one
runs.py          executions that a stage starts: the door to them, and how they stand
baking.py        the fields of a bake, and which package in which version it means
"""
