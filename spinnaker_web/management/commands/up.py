"""Run everything on this host. manage.py takes a shorter way to the same place, without loading Django first."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from spinnaker_web.embedded import launch


class Command(BaseCommand):
    help = "Run everything on this host: PostgreSQL, Valkey, the local cloud, the web site and its workers."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(launch.main())
