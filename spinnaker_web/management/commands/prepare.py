"""What must be there before the site is shown: tables, an administrator, seeded data. One process loads Django once."""

import time
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection


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
        self._wait_for_the_database(options["patience"])
        call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
        call_command("ensure_admin", stdout=self.stdout, skip_checks=True)
        call_command("seed", stdout=self.stderr, skip_checks=True)

    def _wait_for_the_database(self, patience_seconds: float) -> None:
        deadline = time.monotonic() + patience_seconds
        while True:
            try:
                connection.ensure_connection()
                return
            except OperationalError as error:
                if time.monotonic() > deadline:
                    reason = str(error).strip().splitlines()[-1]
                    raise CommandError(f"The database of DATABASE_URL does not answer: {reason}") from None
                time.sleep(0.02)
