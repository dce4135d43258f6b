"""How fast it is, always as a ratio to a floor measured in the same run: `make bench`.

servers.py   a PostgreSQL that keeps what it is told (fsync on), a Valkey, programs as children
floors.py    the least such work can cost: raw psycopg, raw RQ, a bare HTTP server; no Django
ours.py      the same through the product: a real worker, a real hint, a real web server
measure.py   sides taken in turn, three runs, the best counts
machine.py   what it ran on, and whether it was quiet enough to judge
__main__.py  the gates, the table, the JSON
"""
