"""Real servers from wheels and the parts of this platform, as supervised children of one command.

launch.py        `manage.py up`: the environment, the exit code, one sentence for what goes wrong
stack.py         starts the parts together, says so, keeps them running, stops them
parts.py         the commands that `up` runs, and what each of them may know
data_folder.py   everything `up` keeps: version, secrets, logs
attach.py        lets other commands join what runs
server.py        what the embedded servers have in common
postgres.py      PostgreSQL on a folder
valkey.py        Valkey on a folder
unprivileged.py  how to start, as root, a program that refuses to be root
lock.py          one owner per folder
private.py       files for our own user only
probe.py         whether a part answers
"""


class StartError(Exception):
    """Something cannot start. The text is one sentence for the person who typed the command."""
