"""What the queue calls. Arguments are ids; a message lost or doubled changes nothing."""

from __future__ import annotations

import uuid

from pipelines.engine import timer
from pipelines.engine import work as long_work
from pipelines.engine.drive import drive as drive_execution


def drive(execution_id: str) -> None:
    drive_execution(uuid.UUID(execution_id))
    timer.nudge()


def work() -> None:
    long_work.nudge()
