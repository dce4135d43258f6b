"""What must be there before the site is shown: tables, an administrator, seeded data. One process loads Django once."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection

from spinnaker_web.embedded.probe import answers


class Command(BaseCommand):
    help = (
        "Wait for the database, migrate it, make the administrator, seed. Prints only what the administrator must see."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--patience", type=float, default=10.0, help="how long to wait for the database, in seconds"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        patience_seconds = options["patience"]
        self._wait_for(self._missing_database, patience_seconds)
        call_command("migrate", interactive=False, verbosity=0)
        call_command("ensure_admin", stdout=self.stdout)
        self._wait_for(self._missing_cloud, patience_seconds)
        call_command("seed", stdout=self.stderr)

    def _wait_for(self, missing: Callable[[], str], patience_seconds: float) -> None:
        deadline = time.monotonic() + patience_seconds
        while sentence := missing():
            if time.monotonic() > deadline:
                raise CommandError(sentence)
            time.sleep(0.02)

    def _missing_database(self) -> str:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            return f"The database of DATABASE_URL does not answer: {str(error).strip().splitlines()[-1]}"
        return ""

    def _missing_cloud(self) -> str:
        is_there = answers(settings.AGENT_SOCKET, token=settings.AGENT_TOKEN)
        return "" if is_there else f"The local cloud does not answer on {settings.AGENT_SOCKET}."
