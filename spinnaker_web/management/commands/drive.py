"""A worker: drives executions when they fall due, and sooner when a hint arrives."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from pipelines.engine import hints, timer
from pipelines.engine.drive import STOPPING


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _stop)
        clock = threading.Thread(target=timer.run, name="timer")
        clock.start()
        hints.listen("drive", STOPPING)
        clock.join()


def _stop(number: int, frame: FrameType | None) -> None:
    STOPPING.set()
    timer.nudge()
    hints.leave_if_idle()
