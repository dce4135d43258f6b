"""A worker for long work beside executions (scripts): takes it up at once by hints, and by looking each second."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from pipelines.engine import hints, work
from pipelines.engine.drive import STOPPING


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _stop)
        worker = threading.Thread(target=work.run, name="work")
        worker.start()
        hints.listen("work", STOPPING)
        worker.join()


def _stop(number: int, frame: FrameType | None) -> None:
    STOPPING.set()
    work.nudge()
    hints.leave_if_idle()
