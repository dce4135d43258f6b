"""The clouds by key. base.py is their contract; each cloud is a folder (or file) with the same names inside.

memory.py  strict in-memory cloud with scripted faults, for tests of contracts
local/     processes on this host behind HAProxy
"""
