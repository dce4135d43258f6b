"""What a start would do now, without doing it: who may start may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clusters.models import Application
from clusters.trust.permissions import Actor
from pipelines.core.plan import Json
from pipelines.engine.rehearse import Rehearsal, rehearse
from pipelines.models import Pipeline
from pipelines.operations import admissions


def rehearse_pipeline(actor: Actor, pipeline: Pipeline, *, parameters: Mapping[str, Any] | None = None) -> Rehearsal:
    """Raises Refused, Conflict, InvalidInput, as a start would."""
    return rehearse(admissions.of_pipeline(actor, pipeline, parameters))


def rehearse_task(actor: Actor, application: Application, name: str, stages: Sequence[Json]) -> Rehearsal:
    """Raises Refused, InvalidInput."""
    return rehearse(admissions.of_task(actor, application, name, stages))
