"""Reads for pages and the API: what an actor may see, in a number of queries that does not grow with the rows.

visible.py    applications, pipelines and executions an actor may see or run
runs.py       lists of executions with what each waits for
whole.py      one execution with its stages, steps and events
turn.py       manual judgments that wait, and who may answer
"""
