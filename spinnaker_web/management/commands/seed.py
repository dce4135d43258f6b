"""Make what a first run finds: the local account, and the demo application with its pipelines under way."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from clusters.models import Application
from clusters.providers import get_provider
from clusters.providers.base import ProviderError
from pipelines.models import Pipeline
from spinnaker_web.demo import world

#: Seconds to wait for the local cloud, which starts at the same time.
PATIENCE = 20


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        world.make_account()
        if Application.objects.exists() or Pipeline.objects.exists():
            return
        _wait_for_cloud()
        world.make(world.administrator())


def _wait_for_cloud() -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            get_provider("local").load_balancers.list(world.ACCOUNT, world.REGION)
            return
        except ProviderError as error:
            if time.monotonic() > deadline:
                raise CommandError(f"The local cloud does not answer: {error}") from None
            time.sleep(0.05)
