"""Changes what is said of the application: the owner's address, the description and the traffic guards."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import field_validator

from clusters.core import guarding
from clusters.models import Application
from clusters.operations import InvalidInput, applications
from clusters.operations.places import require_execute
from pipelines.core.plan import ABSENT, Absent, Effect, Intent, Json, Outcome, StepFailed, StepSpec, StepView, Succeeded
from pipelines.stages.base import BaseStage, StageConfig


class Attributes(StageConfig):
    """As Spinnaker names them; what is missing stays as it is."""

    name: str
    email: str | None = None
    description: str | None = None
    traffic_guards: list[Json] | None = None

    @field_validator("traffic_guards")
    @classmethod
    def _readable(cls, guards: list[Json] | None) -> list[Json] | None:
        if guards is not None:
            guarding.read(guards)
        return guards


class Config(StageConfig):
    application: Attributes


def _intend(step: StepView, config: Config) -> Intent:
    """Whoever may not even run things here is refused at once; what it takes to change them is asked by the change."""
    own, named = step.stage.application, config.application.name
    require_execute(step.stage.actor, own)
    if named.lower() != own.lower():
        raise StepFailed(f"application.name: this changes {own}, not {named}.", field="application.name")
    wish = config.application.model_dump(by_alias=True, exclude={"name"}, exclude_none=True)
    return Intent({"application": own, "wish": wish}, f"change {', '.join(wish) or 'nothing'} of {own}")


def _perform(intent: Intent, step: StepView) -> Outcome:
    row, wish = _row(intent), intent.request["wish"]
    guards = guarding.read(wish["trafficGuards"]) if "trafficGuards" in wish else None
    try:
        applications.update(
            step.stage.actor,
            row,
            version=row.version,
            owner_email=wish.get("email", row.owner_email),
            description=wish.get("description", row.description),
            guards=guards,
        )
    except InvalidInput as error:
        raise StepFailed(f"application: {error} Nothing was changed.", field="application") from error
    return Succeeded()


def _find(intent: Intent, step: StepView) -> Outcome | Absent:
    """Whether all of it holds."""
    row, wish = _row(intent), intent.request["wish"]
    held: Json = {"email": row.owner_email, "description": row.description}
    if "trafficGuards" in wish:
        held["trafficGuards"] = sorted(guard.value for guard in row.traffic_guards.all())
        wish = wish | {"trafficGuards": sorted(guarding.read(wish["trafficGuards"]))}
    return Succeeded() if held | wish == held else ABSENT


def _row(intent: Intent) -> Application:
    row = Application.objects.filter(name=intent.request["application"]).first()
    if row is None:
        raise StepFailed(f"Application {intent.request['application']} does not exist any more.")
    return row


class UpdateApplication(BaseStage):
    key: ClassVar[str] = "updateApplication"
    label: ClassVar[str] = "Update application"
    Config = Config

    def steps(self, config: Any) -> tuple[StepSpec, ...]:
        return (Effect("updateApplication", _intend, _perform, _find),)
