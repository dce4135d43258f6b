"""`manage.py up` from the command line's side: read the environment, run the stack, fail in one sentence.

Django is not imported here: the parts import it while the servers start.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clusters.providers.local.children import MARKER
from spinnaker_web.embedded import StartError
from spinnaker_web.embedded.data_folder import PROJECT, DataFolder
from spinnaker_web.embedded.parts import Parts
from spinnaker_web.embedded.postgres import Postgres
from spinnaker_web.embedded.server import Server
from spinnaker_web.embedded.stack import Stack
from spinnaker_web.embedded.valkey import Valkey

#: The kernel's limit for a unix socket's path is 104 bytes on macOS and 108 on Linux.
SOCKET_PATH_BYTES = 100


def main() -> int:
    """Run until stopped; the exit code."""
    try:
        _launch(lambda line: print(line, flush=True))  # noqa: T201 - this is a command
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:  # the disk fills up, a limit is reached: the host's affair, not a bug to trace
        sys.stderr.write(f"{error.strerror or error}: {error.filename or 'while starting'}.\n")
        return 1
    return 0


def _launch(say: Callable[[str], None]) -> None:
    os.environ.setdefault(MARKER, secrets.token_hex(8))
    folder = DataFolder(Path(os.environ.get("DATA_DIR") or PROJECT / ".data").resolve())
    port = _port(os.environ.get("PORT") or "8000")
    servers: list[Server] = []
    urls = {}
    for setting, server_class in (("DATABASE_URL", Postgres), ("REDIS_URL", Valkey)):
        if given := os.environ.get(setting):
            urls[setting] = given
        else:
            servers.append(server_class(folder.path / server_class.name.lower()))
            urls[setting] = servers[-1].url
    with _agent_socket(folder.path) as agent_socket:
        parts = Parts(
            folder=folder,
            environ=os.environ,
            port=port,
            database_url=urls["DATABASE_URL"],
            redis_url=urls["REDIS_URL"],
            agent_socket=agent_socket,
        )
        asyncio.run(Stack(parts, servers, say).run())


def _port(text: str) -> int:
    """The port as a number, when we can listen on it."""
    try:
        port = int(text)
        with socket.socket() as probe:
            probe.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
            )  # as the web server will: an old connection is fine
            probe.bind(("127.0.0.1", port))
    except (ValueError, OverflowError):
        raise StartError(f"PORT is {text!r} and should be a number from 1 to 65535.") from None
    except PermissionError:
        raise StartError(f"Port {text} is for root only: choose one above 1023, for example PORT=8000.") from None
    except OSError:
        raise StartError(f"Port {text} is in use: choose another one, for example PORT={port + 1}.") from None
    return port


@contextmanager
def _agent_socket(data: Path) -> Iterator[Path]:
    """Below the data folder, or where its path would be too long, in a private folder for this run."""
    path = data / "agent" / "agent.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        yield path
        return
    # Not TMPDIR, which may be as long as the path that was too long; mkdtemp makes a folder that only we can enter.
    place = os.environ.get("XDG_RUNTIME_DIR") or "/tmp"  # noqa: S108 # nosec B108
    short = Path(tempfile.mkdtemp(prefix="spinnaker-", dir=place))
    try:
        yield short / "agent.sock"
    finally:
        shutil.rmtree(short, ignore_errors=True)
