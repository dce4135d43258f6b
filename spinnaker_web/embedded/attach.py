"""Lets any command of manage.py join the platform that `up` runs on the data folder."""

from __future__ import annotations

import json
import os
from collections.abc import MutableMapping
from pathlib import Path

from spinnaker_web.embedded.data_folder import PROJECT

#: Setting by the name under which `up` publishes it.
SETTINGS = {
    "database_url": "DATABASE_URL",
    "redis_url": "REDIS_URL",
    "agent_socket": "SPINNAKER_AGENT_SOCKET",
    "agent_token": "SPINNAKER_AGENT_TOKEN",
    "secret_key": "SPINNAKER_SECRET_KEY",
    "secrets_keys": "SPINNAKER_SECRETS_KEYS",
}


def attach(environ: MutableMapping[str, str]) -> None:
    """Add what the environment does not say. Nothing happens where it names a database, or where nothing runs."""
    if "DATABASE_URL" in environ:
        return
    folder = Path(environ.get("DATA_DIR") or PROJECT / ".data")
    try:
        facts = json.loads((folder / "up.json").read_text())
        os.kill(facts["pid"], 0)
    except OSError:  # not there, not ours, or left by a process that was killed
        return
    for fact, setting in SETTINGS.items():
        environ.setdefault(setting, facts[fact])
