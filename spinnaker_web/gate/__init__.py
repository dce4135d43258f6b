"""Spinnaker's API as far as its clients need it to keep and run pipelines: Gate's paths, Gate's JSON, Gate's errors.

api.py           the API: who may come, and how what went wrong is said
applications.py  applications and their pipelines
pipelines.py     save, delete and start a pipeline
executions.py    look at, cancel, judge, skip and restart
tasks.py         one thing to do without a pipeline
shapes.py        our rows as Gate shows them
"""
