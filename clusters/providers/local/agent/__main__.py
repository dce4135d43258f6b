"""Starts the agent: one per data folder. SIGTERM stops every instance and HAProxy; SIGKILL stops only the agent.

SPINNAKER_AGENT_TOKEN   what clients show
SPINNAKER_LB_BIND       address the load balancers listen on (127.0.0.1)
SPINNAKER_LAUNCHER_PID  process whose end is the end of everything; without it, ten seconds without an agent are
SPINNAKER_HIDE          further folders (colon list) that instances must not see where they run in a namespace
SPINNAKER_INSTANCE_MEMORY_MIB   memory of each process of an instance (2048; 0 for no limit)
SPINNAKER_UNISOLATED    1: start instances also where they would have the agent's own rights
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import IO, NoReturn

import uvicorn

from clusters.providers.local.agent import layout, web
from clusters.providers.local.agent.balancing import Balancing
from clusters.providers.local.agent.fleet import Fleet
from clusters.providers.local.agent.haproxy import HAProxy
from clusters.providers.local.agent.images import Images
from clusters.providers.local.agent.instances import Instances
from clusters.providers.local.agent.launching import Launching
from clusters.providers.local.agent.layout import Layout
from clusters.providers.local.agent.load_balancers import LoadBalancers
from clusters.providers.local.agent.packages import Packages
from clusters.providers.local.agent.processes import Processes
from clusters.providers.local.agent.security_groups import SecurityGroups
from clusters.providers.local.agent.server_groups import ServerGroups
from clusters.providers.local.agent.store import Store
from clusters.trust import isolation
from clusters.trust.isolation import Isolation

#: Given to instances before they are killed at an orderly stop, which in all must take less than 5 s.
GRACE_SECONDS = 3.0
MEMORY_MIB = 2048


REFUSED = (
    "This host lets the local cloud neither take another user nor a namespace, so instances would have its own rights"
    " and are not started. Run it as root, allow user namespaces, or set SPINNAKER_UNISOLATED=1 to start them so."
)


class Agent:
    def __init__(self, folders: Layout, bind: str, hidden: list[Path], memory_mib: int) -> None:
        self.store = Store(folders.database)
        self.processes = Processes(folders.sockets / "keeper.sock", folders.logs / "keeper.log")
        kind = isolation.best(folders.instances, hidden)
        refused = REFUSED if kind is Isolation.NONE and os.environ.get("SPINNAKER_UNISOLATED") != "1" else ""
        if kind is Isolation.NONE:
            logging.getLogger(__name__).warning("Instances have the agent's own rights. %s", refused)
        self.launching = Launching(folders, self.processes, kind, hidden, refused, memory_mib * 1024**2)
        self.balancing = Balancing(self.store, HAProxy(folders, self.processes), bind)
        self.fleet = Fleet(self.store, self.processes, self.launching, self.balancing)
        self.packages = Packages(self.store, folders.packages)
        self.images = Images(self.store, self.packages, folders.images)

    def parts(self) -> dict[str, object]:
        return {
            "server_groups": ServerGroups(self.store, self.fleet, self.launching.refused),
            "instances": Instances(self.store, self.fleet, self.launching),
            "images": self.images,
            "load_balancers": LoadBalancers(self.store, self.fleet, self.balancing),
            "security_groups": SecurityGroups(self.store, self.balancing),
            "packages": self.packages,
        }

    def facts(self) -> dict[str, str]:
        return {"status": "ok", "isolation": self.launching.isolation.value}

    def start(self) -> None:
        self.processes.connect()
        self.fleet.start()
        self.images.start()

    def stop(self) -> None:
        self.images.stop()
        self.fleet.stop()
        self.processes.end(GRACE_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="agent", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--socket", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    os.umask(0o077)
    token = os.environ.get("SPINNAKER_AGENT_TOKEN", "")
    if not token:
        sys.exit("SPINNAKER_AGENT_TOKEN is not set.")
    folders = layout.make(options.data)
    lock = _lock(folders)
    further = [Path(path) for path in os.environ.get("SPINNAKER_HIDE", "").split(":") if path]
    hidden = isolation.to_hide(folders.data, *further)
    memory_mib = int(os.environ.get("SPINNAKER_INSTANCE_MEMORY_MIB") or MEMORY_MIB)
    agent = Agent(folders, os.environ.get("SPINNAKER_LB_BIND", "127.0.0.1"), hidden, memory_mib)
    # uvicorn raises the signal again when it has stopped serving: then, as before it serves, it means leave in order.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    try:
        agent.start()
        asyncio.run(_serve(agent, options.socket, token))
    finally:
        agent.stop()
        options.socket.unlink(missing_ok=True)
        lock.close()


def _leave(number: int, frame: object) -> NoReturn:
    sys.exit(0)


async def _serve(agent: Agent, path: Path, token: str) -> None:
    """Until SIGTERM or SIGINT."""
    app = web.application(agent.parts(), agent.packages, token, agent.facts)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o600)
    config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    await uvicorn.Server(config).serve(sockets=[listener])


def _lock(folders: Layout) -> IO[str]:
    """Held as long as the process lives."""
    lock = folders.lock.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"Another agent works in {folders.data}.")
    return lock


main()
