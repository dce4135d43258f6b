"""The one-host cloud: processes on this machine behind HAProxy. children.py supervises processes, also for `up`."""
