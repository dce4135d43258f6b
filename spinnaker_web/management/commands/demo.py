"""Run the main job without a browser: bake, judge and red/black under constant traffic, and say how it went."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from spinnaker_web.demo import stack
from spinnaker_web.demo.killer import Killer
from spinnaker_web.demo.tour import Tour, TourFailed

MARKER = "SPINNAKER_DEMO_MARKER"


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--kill", action="store_true", help="kill production's instances one by one in the wait")

    def handle(self, *args: Any, kill: bool, **options: Any) -> None:
        if MARKER not in os.environ:
            self._run_attached(["--kill"] if kill else [])
            return
        killer = Killer(os.environ[MARKER]) if kill else None
        try:
            self.stdout.write(Tour(self._say, killer).run())
        except TourFailed as error:
            raise CommandError(f"Failed: {error}") from None

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _run_attached(self, arguments: list[str]) -> None:
        """Once more, with the settings of the stack: ours were read without them."""
        with stack.attached(settings.DATA_DIR) as facts:
            command = [sys.executable, str(stack.MANAGE), "demo", *arguments]
            code = subprocess.run(command, env=stack.environment(facts), check=False).returncode
        if code:
            sys.exit(code)
