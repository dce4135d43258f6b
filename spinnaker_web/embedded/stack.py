"""Starts the parts, as far as possible at the same time, says when each is ready, keeps them running, stops them."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable

from clusters.providers.local.children import MARKER, Child, Command, Supervisor
from spinnaker_web.embedded import StartError
from spinnaker_web.embedded.parts import Parts
from spinnaker_web.embedded.probe import answers
from spinnaker_web.embedded.server import Server, last_words, wait_until_ready

#: The two waves of a stop, in all less than ten seconds: programs first, then what they talk to. The local cloud gives
#: its instances 3 s.
PROGRAM_SECONDS = 3.5
SERVER_SECONDS = 5.5


class Stack:
    """One run of the platform. `say` gets one line at a time."""

    def __init__(self, parts: Parts, servers: list[Server], say: Callable[[str], None]) -> None:
        self._parts = parts
        self._embedded = servers
        self._say = say
        self._began_at = time.monotonic()
        self._servers = Supervisor(say)
        self._programs = Supervisor(say)

    async def run(self) -> None:
        """Until SIGINT, SIGTERM or SIGHUP. Raises StartError when a part does not start; the others stop then."""
        asked = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, asked.set)
        working, stopping = asyncio.create_task(self._work()), asyncio.create_task(asked.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
            self._say("Stopping.")
        finally:
            working.cancel()
            await asyncio.wait({working})
            self._parts.folder.retract()
            self._programs.stop(PROGRAM_SECONDS)
            self._servers.stop(SERVER_SECONDS)

    async def _work(self) -> None:
        welcome = await self._start()
        self._publish()
        self._say(f"\nOpen {self._url}\n{welcome}Stop with Ctrl-C.")
        while True:
            self._servers.check()
            self._programs.check()
            await asyncio.sleep(0.1)

    async def _start(self) -> str:
        """What to tell about the administrator."""
        try:
            async with asyncio.TaskGroup() as together:
                serving = [together.create_task(self._serve(server)) for server in self._embedded]
                together.create_task(self._start_agent())
                together.create_task(self._start_web(serving))
                welcome = together.create_task(self._prepare())
        except* StartError as group:
            raise group.exceptions[0] from None
        for command in self._parts.workers():
            self._programs.start(command)
            self._tell(command, "started")
        return welcome.result()

    async def _serve(self, server: Server) -> None:
        await asyncio.to_thread(server.initialise)
        log = self._parts.folder.log(server.name.lower())
        child = self._servers.start(server.command(log))
        await self._until(child, lambda: server.is_ready(child))

    async def _start_agent(self) -> None:
        socket, token = str(self._parts.agent_socket), self._parts.agent_token
        child = self._servers.start(self._parts.agent())
        await self._until(child, lambda: answers(socket, token=token))

    async def _start_web(self, serving: list[asyncio.Task[None]]) -> None:
        """After the servers, not for need, but since the longest way (make a database, migrate, seed) begins with them:
        the processors are theirs first. It answers before that ends, and is shown to nobody until then."""
        await asyncio.gather(*serving)
        hosts = self._parts.environ.get("SPINNAKER_HOSTS", "")
        host = hosts.split(",")[0].lstrip("*.") or "localhost"  # "*.example.com" and ".example.com" are patterns
        child = self._programs.start(self._parts.web())
        await self._until(child, lambda: answers(("127.0.0.1", self._parts.port), host=host))

    async def _prepare(self) -> str:
        """Migrations, accounts, demo, in a program that imports Django while PostgreSQL starts, and waits for it."""
        reader, writer = os.pipe()
        command = self._parts.prepare(writer)
        child = Child(command)
        os.close(writer)
        with open(reader) as output:
            try:
                welcome = await asyncio.to_thread(output.read)
                code = child.wait(grace_seconds=1)
            finally:
                child.stop(grace_seconds=1)  # which also ends the reading, when we are the ones who were stopped
        if code:
            self._say(welcome)
            raise StartError(f"The database could not be prepared. {last_words(command.log)}")
        self._tell(command, "ready")
        return welcome

    async def _until(self, child: Child, is_ready: Callable[[], bool]) -> None:
        await asyncio.to_thread(wait_until_ready, child, is_ready)
        self._tell(child.command, "ready")

    def _tell(self, command: Command, state: str) -> None:
        self._say(f"{command.name:<16} {state} after {time.monotonic() - self._began_at:.1f} s")

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._parts.port}/"

    def _publish(self) -> None:
        self._parts.folder.publish(
            {
                "pid": os.getpid(),
                "marker": os.environ[MARKER],
                "url": self._url,
                "database_url": self._parts.database_url,
                "redis_url": self._parts.redis_url,
                "agent_socket": str(self._parts.agent_socket),
                "agent_token": self._parts.agent_token,
                "secret_key": self._parts.secret_key,
                "secrets_keys": self._parts.secrets_keys,
            }
        )
