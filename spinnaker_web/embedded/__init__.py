"""Real servers from wheels and the parts of this platform, as supervised children of one command.

server.py        what the embedded servers have in common
postgres.py      PostgreSQL on a folder
valkey.py        Valkey on a folder
lock.py          one owner per folder
unprivileged.py  how to start, as root, a program that refuses to be root
data_folder.py   everything `up` keeps: version, secrets, logs
parts.py         the commands that `up` runs
stack.py         starts the parts in order, says so, keeps them running, stops them
"""


class StartError(Exception):
    """Something cannot start. The text is one sentence for the person who typed the command."""
