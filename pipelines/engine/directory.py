"""What expressions may ask beside their execution, as far as who it acts as may see it (READ)."""

from __future__ import annotations

from dataclasses import dataclass

from clusters.models import Application
from clusters.trust.permissions import Actor
from pipelines.core.plan import Json
from pipelines.models import Pipeline


@dataclass(frozen=True, slots=True)
class Directory:
    """pipelines.core.expressions.Directory, read from the database when it is asked."""

    actor: Actor

    def pipeline_id(self, application: str, name: str) -> str | None:
        known = Pipeline.objects.filter(application__in=Application.objects.visible_to(self.actor))
        return known.filter(application__name=application, name=name).values_list("pk", flat=True).first()

    def application(self, name: str) -> Json | None:
        found = Application.objects.visible_to(self.actor).filter(name=name).first()
        if found is None:
            return None
        return {"name": found.name, "email": found.owner_email, "description": found.description}
