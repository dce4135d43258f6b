"""How fast it is, always as a ratio to a floor measured in the same run: `make bench`.

servers.py   a PostgreSQL that keeps what it is told (fsync on), a Valkey, programs as children
floors.py    the least such work can cost: raw psycopg, raw RQ, a bare HTTP server; no Django
ours.py      the same through the product: a real worker, a real hint, a real web server
stack.py     the platform as a whole: ready after how long, in how much memory
measure.py   sides taken in turn, three runs
machine.py   what it ran on, and whether it was quiet enough to judge
report.py    the gates, the best run, the table, the JSON
__main__.py  what is measured
"""
